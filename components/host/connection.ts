import * as pulumi from "@pulumi/pulumi";
import type { HostSettings } from "../settings/platform-settings.ts";

/**
 * How the engine reaches a tenant host: by key, to a pinned host key. Attempts are short, so that a
 * host that is down is an error within a minute (8 attempts with 7 s of waits) and not after the provider's default of
 * 10 x 15 s.
 */
export function hostConnection(host: HostSettings, privateKey: pulumi.Input<string>): HostConnection {
  return {
    host: host.address,
    port: host.ssh.port,
    user: host.ssh.user,
    privateKey: pulumi.secret(privateKey),
    hostKey: host.ssh.hostKey,
    dialErrorLimit: 8,
    perDialTimeout: 5,
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
