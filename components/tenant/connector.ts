import * as pulumi from "@pulumi/pulumi";
import { hostCommand, type HostCommand } from "../host/host-command.ts";
import { runHostCommand } from "../host/run-host-command.ts";
import type { HostSettings } from "../settings/platform-settings.ts";
import { connectorService, tunnelName } from "./names.ts";

export interface TunnelConnectorArgs {
  subdomain: string;
  host: HostSettings;
  /** Secret. */
  sshPrivateKey: pulumi.Input<string>;
  /** The tunnel's token. Secret. */
  token: pulumi.Input<string>;
}

/** Sets up and removes connectors on a host. Reads `connectorVariables`. */
export function connectorCommand(host: HostSettings): HostCommand {
  const fixed = { CLOUDFLARED: host.cloudflaredPath, EDGE: host.edge ?? "" };
  return hostCommand("connector", ["up", "down"], new URL("./connector.sh", import.meta.url), fixed);
}

/** What connectorCommand's `up` is told. Holds a secret. */
export function connectorVariables<Token extends pulumi.Input<string>>(
  subdomain: string,
  token: Token,
): { TUNNEL: string; TOKEN: Token } {
  return { TUNNEL: tunnelName(subdomain), TOKEN: token };
}

/** cloudflared on the tenant's host, as a systemd service of its own. Created means connected. */
export class TunnelConnector extends pulumi.ComponentResource {
  readonly service: pulumi.Output<string>;

  constructor(name: string, args: TunnelConnectorArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("odoosaas:tenant:TunnelConnector", name, { subdomain: args.subdomain }, opts);
    const command = runHostCommand(
      `${name}-script`,
      {
        host: args.host,
        sshPrivateKey: args.sshPrivateKey,
        command: connectorCommand(args.host),
        variables: connectorVariables(args.subdomain, args.token),
      },
      // A component's dependsOn does not reach its children by itself.
      {
        parent: this,
        ...(opts.dependsOn && { dependsOn: opts.dependsOn }),
        customTimeouts: { create: "5m", update: "5m", delete: "5m" },
      },
    );
    this.service = command.id.apply(() => connectorService(args.subdomain));
    this.registerOutputs({ service: this.service });
  }
}
