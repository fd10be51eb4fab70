import { join } from "node:path";
import type { Instance } from "../instance.ts";

/** Where this instance's PostgreSQL keeps its files. */
export function postgresPaths(instance: Pick<Instance, "directory">) {
  const directory = join(instance.directory, "postgres");
  return {
    directory,
    data: join(directory, "data"),
    /** Of the unix socket. */
    socket: join(directory, "run"),
    log: join(instance.directory, "logs", "postgres.log"),
  };
}

/** A unix socket's path must fit sun_path (108 bytes on Linux, 104 elsewhere), with ".s.PGSQL.<port>.lock". */
const LONGEST_SOCKET_DIRECTORY = 80;

/** postgresql.conf, sized for 2 cores that are shared with all else; durable as in production. */
export function serverSettings(instance: Instance, listen: readonly string[]): string {
  const { socket } = postgresPaths(instance);
  const settings: Record<string, string | number> = {
    listen_addresses: listen.join(","),
    port: instance.ports.postgres,
    unix_socket_directories: socket.length <= LONGEST_SOCKET_DIRECTORY ? socket : "",
    // 205 were seen in use while 45 tenants a minute were made: Odoo's, PgBouncer's, the server's, the engine's.
    max_connections: 400,
    shared_buffers: "256MB",
    password_encryption: "scram-sha-256",
    // Short queries only: compiling them costs more than it saves.
    jit: "off",
    // Fewer checkpoints: each new tenant's clone writes 20 MB.
    max_wal_size: "1GB",
    checkpoint_timeout: "15min",
    log_line_prefix: "%m [%p] %q%u@%d ",
    log_timezone: "UTC",
    timezone: "UTC",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  return `# Written at every start.\n${lines.join("\n")}\n`;
}

/** pg_hba.conf: passwords for everybody, from this machine and the instance's own network. */
export function clientAuthentication(instance: Instance): string {
  const network = `${instance.network.gateway.replace(/\.\d+$/, ".0")}/${instance.network.prefix}`;
  const rules = [
    ["local", "all", "all", "", "scram-sha-256"],
    ["host", "all", "all", "127.0.0.1/32", "scram-sha-256"],
    ["host", "all", "all", network, "scram-sha-256"],
  ];
  return `# Written at every start.\n${rules.map((rule) => rule.join("\t")).join("\n")}\n`;
}
