import * as pulumi from "@pulumi/pulumi";
import type { HostSettings } from "../settings/platform-settings.ts";

/**
 * How the engine reaches a tenant host: by key, to a pinned host key. Attempts are few and short, so that a host that
 * is down is an error within half a minute and not after the provider's default of 10 x 15 s.
 */
export function hostConnection(host: HostSettings, privateKey: pulumi.Input<string>): HostConnection {
  return {
    host: host.address,
    port: host.ssh.port,
    user: host.ssh.user,
    privateKey: pulumi.secret(privateKey),
    hostKey: host.ssh.hostKey,
    dialErrorLimit: 3,
    perDialTimeout: 10,
  };
}

export interface HostConnection {
  host: string;
  port: number;
  user: string;
  /** Secret. */
  privateKey: pulumi.Output<string>;
  hostKey: string;
  dialErrorLimit: number;
  /** Seconds. */
  perDialTimeout: number;
}
