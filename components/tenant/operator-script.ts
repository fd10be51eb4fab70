import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { COMMAND_DIRECTORY, hostCommand, type HostCommand } from "../host/host-command.ts";
import { runHostCommand } from "../host/run-host-command.ts";
import type { HostSettings } from "../settings/platform-settings.ts";
import { oneLine } from "./odoo-database.ts";

export interface OperatorScriptArgs {
  host: HostSettings;
  /** Secret. */
  sshPrivateKey: pulumi.Input<string>;
  /** The script's text, with its `#!` line. Must be safe twice. */
  script: string;
  subdomain: string;
  url: string;
  plan: string;
  /** Port of the tenant's Odoo on the host. */
  port: number;
  adminEmail: string;
  companyName?: string | undefined;
  language?: string | undefined;
  country?: string | undefined;
}

const INSTALLED = "create-tenant";

/** The operator's script as a file of the host, and the command that runs it with the tenant as one line of JSON. */
export function operatorScriptCommands(
  host: HostSettings,
  script: string,
): [installed: HostCommand, runs: HostCommand] {
  const version = createHash("sha256").update(script).digest("hex").slice(0, 12);
  return [
    { name: INSTALLED, verbs: [], text: script, version },
    hostCommand("operator-script", ["up", "down"], new URL("./operator-script.sh", import.meta.url), {
      SCRIPT: `${COMMAND_DIRECTORY}/${INSTALLED}`,
      SCRIPT_VERSION: version,
      HOST_ID: String(host.id),
    }),
  ];
}

/**
 * A script of the operator's own (`createTenantScript` of the platform's settings, CREATE_TENANT_SCRIPT), run on the
 * tenant's host once Odoo is initialised, and again when the script or what it is told changes. The platform's stack
 * installs it; a tenant's stack only has it run.
 */
export class OperatorScript extends pulumi.ComponentResource {
  constructor(name: string, args: OperatorScriptArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("odoosaas:tenant:OperatorScript", name, { hostId: args.host.id }, opts);
    const [, command] = operatorScriptCommands(args.host, args.script);
    runHostCommand(
      `${name}-script`,
      {
        host: args.host,
        sshPrivateKey: args.sshPrivateKey,
        command,
        variables: {
          SUBDOMAIN: args.subdomain,
          PLAN: args.plan,
          BASE_URL: args.url,
          ODOO_PORT: String(args.port),
          ADMIN_LOGIN: args.adminEmail,
          COMPANY_NAME: oneLine(args.companyName ?? ""),
          LANGUAGE: args.language ?? "",
          COUNTRY: args.country ?? "",
        },
      },
      {
        parent: this,
        ...(opts.dependsOn && { dependsOn: opts.dependsOn }),
        customTimeouts: { create: "15m", update: "15m" },
      },
    );
    this.registerOutputs({});
  }
}
