import * as pulumi from "@pulumi/pulumi";
import { hostScript } from "../host/host-script.ts";
import type { HostSettings } from "../settings/platform-settings.ts";

export interface OperatorScriptArgs {
  host: HostSettings;
  /** Secret. */
  sshPrivateKey: pulumi.Input<string>;
  /** The script's text, with its `#!` line. Must be safe twice. */
  script: string;
  /** What the script is told, as one line of JSON on its standard input. Holds no secret. */
  tenant: Readonly<Record<string, string | number | undefined>>;
}

/**
 * A script of the operator's own (`createTenantScript` of the platform's settings, CREATE_TENANT_SCRIPT), run on the
 * tenant's host once Odoo is initialised, and again when the script or what it is told changes.
 */
export class OperatorScript extends pulumi.ComponentResource {
  constructor(name: string, args: OperatorScriptArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("odoosaas:tenant:OperatorScript", name, { hostId: args.host.id }, opts);
    hostScript(
      `${name}-script`,
      {
        host: args.host,
        sshPrivateKey: args.sshPrivateKey,
        script: new URL("./operator-script.sh", import.meta.url),
        variables: { SCRIPT: args.script, TENANT: JSON.stringify(args.tenant) },
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
