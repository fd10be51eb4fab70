import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import type { HostSettings, SuspendedPage } from "../settings/platform-settings.ts";
import { administratorScript } from "./administrator-script.ts";

/** Port on the host's loopback where the page of suspended tenants is served. */
export const SUSPENDED_PAGE_PORT = 8071;

function gateFile(name: string): string {
  return readFileSync(new URL(`./odoosaas_gate/${name}`, import.meta.url), "utf8");
}

const SUSPENDED_PAGE = readFileSync(new URL("./suspended-page.py", import.meta.url), "utf8");

export interface HostBaselineArgs {
  host: HostSettings;
  /** The page visitors of suspended tenants see; without it they get a bare 503 from the connector. */
  suspendedPage?: SuspendedPage | undefined;
}

/**
 * What every tenant of a host relies on: PgBouncer with one session pool per database and the tenants' mappings, the
 * connector's program and its user, Odoo closed as it must be (odoosaas_gate/). Sets up what is missing, refuses what would be unsafe.
 */
export class HostBaseline extends pulumi.ComponentResource {
  /** Known when the host is ready for tenants. */
  readonly hostId: pulumi.Output<number>;

  constructor(name: string, args: HostBaselineArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const { host } = args;
    super("odoosaas:host:HostBaseline", name, { hostId: host.id }, opts);
    const script = administratorScript(
      `${name}-script`,
      {
        host,
        script: new URL("./host-baseline.sh", import.meta.url),
        variables: {
          CLOUDFLARED: host.cloudflaredPath,
          ODOO_CONFIG: host.odoo.configFile,
          ODOO_SERVICE: host.odoo.service,
          ODOO_ROLE: host.odoo.role,
          ODOO_USER: host.odoo.user,
          ODOO_DATA: host.odoo.dataDir,
          ODOO_PORT: String(host.odoo.port),
          ODOO_VERSION: host.odoo.version,
          GATE: gateFile("__init__.py"),
          GATE_MANIFEST: gateFile("__manifest__.py"),
          SUSPENDED_PAGE: args.suspendedPage ? SUSPENDED_PAGE : "",
          SUSPENDED_PAGE_PORT: String(SUSPENDED_PAGE_PORT),
          SUSPENDED_PAGE_PAY_URL: args.suspendedPage?.payUrl ?? "",
          SUSPENDED_PAGE_CONTACT: args.suspendedPage?.contact ?? "",
        },
      },
      { parent: this, customTimeouts: { create: "15m", update: "15m" } },
    );
    this.hostId = script.id.apply(() => host.id);
    this.registerOutputs({ hostId: this.hostId });
  }
}
