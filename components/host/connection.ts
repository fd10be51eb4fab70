import type { HostSettings } from "../settings/platform-settings.ts";

/**
 * How the engine reaches a tenant host: at a pinned host key. Attempts are short, so that a host that is down is an error
 * within a minute (8 attempts with 7 s of waits) and not after the provider's default of 10 x 15 s. As whom, and with
 * which key, is the caller's business.
 */
export function hostConnection(host: HostSettings): HostConnection {
  return {
    host: host.address,
    port: host.ssh.port,
    hostKey: host.ssh.hostKey,
    dialErrorLimit: 8,
    perDialTimeout: 5,
  };
}

export interface HostConnection {
  host: string;
  port: number;
  hostKey: string;
  dialErrorLimit: number;
  /** Seconds. */
  perDialTimeout: number;
}
