import * as pulumi from "@pulumi/pulumi";
import { hostScript } from "../host/host-script.ts";
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

/** What connector.sh reads, besides TOKEN. */
export function connectorVariables(args: Pick<TunnelConnectorArgs, "subdomain" | "host">): Record<string, string> {
  return {
    TUNNEL: tunnelName(args.subdomain),
    SERVICE: connectorService(args.subdomain),
    CLOUDFLARED: args.host.cloudflaredPath,
    EDGE: args.host.edge ?? "",
  };
}

/** cloudflared on the tenant's host, as a systemd service of its own. Created means connected. */
export class TunnelConnector extends pulumi.ComponentResource {
  readonly service: pulumi.Output<string>;

  constructor(name: string, args: TunnelConnectorArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("odoosaas:tenant:TunnelConnector", name, { subdomain: args.subdomain }, opts);
    const script = hostScript(
      `${name}-script`,
      {
        host: args.host,
        sshPrivateKey: args.sshPrivateKey,
        script: new URL("./connector.sh", import.meta.url),
        variables: { ...connectorVariables(args), TOKEN: args.token },
      },
      // A component's dependsOn does not reach its children by itself.
      {
        parent: this,
        ...(opts.dependsOn && { dependsOn: opts.dependsOn }),
        customTimeouts: { create: "5m", update: "5m", delete: "5m" },
      },
    );
    this.service = script.id.apply(() => connectorService(args.subdomain));
    this.registerOutputs({ service: this.service });
  }
}
