import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { ROOT_STATE_DIRECTORY } from "../directories.ts";
import { startHost, type RunningHost } from "../host/host.ts";
import type { Instance } from "../instance.ts";
import type { Progress } from "../progress.ts";
import type { InstanceSecrets } from "./secrets.ts";

/** The tenant host's number: `container_id` in the API. */
export const HOST_ID = 105;

/** "default-105". Machines are told apart by name alone: in another state directory, the same name needs something more. */
export function machineName(instance: Instance): string {
  if (dirname(instance.directory) === ROOT_STATE_DIRECTORY) return `${instance.name}-${HOST_ID}`;
  const place = createHash("sha256").update(instance.directory).digest("hex").slice(0, 6);
  return `${instance.name}-${place}-${HOST_ID}`;
}

export function hostDirectory(instance: Instance): string {
  return join(instance.directory, "host");
}

/** Starts the instance's tenant host. */
export async function startTenantHost(
  instance: Instance,
  secrets: InstanceSecrets,
  made: { tree: string; connector: string },
  progress: Progress,
): Promise<RunningHost> {
  const { bridge, gateway, hostAddress, prefix } = instance.network;
  return await startHost({
    tree: made.tree,
    connectorBinary: made.connector,
    machine: machineName(instance),
    directory: hostDirectory(instance),
    bridge,
    gateway,
    address: hostAddress,
    prefix,
    authorizedKey: secrets.sshAdministrator.publicKey,
    postgres: {
      host: gateway,
      port: instance.ports.postgres,
      role: "odoo_h105",
      password: secrets.postgresRoles.odoo_h105,
    },
    domain: instance.domain,
    edge: tunnelEdge(instance),
    progress,
  });
}

/** What connectors on the host dial instead of Cloudflare's edge. */
export function tunnelEdge(instance: Instance): string {
  return `${instance.network.gateway}:${instance.ports.tunnelEdge}`;
}
