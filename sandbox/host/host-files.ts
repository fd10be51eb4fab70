/** A file of the tenant host, written at every start. */
export interface HostFile {
  /** Path inside the host. */
  path: string;
  content: string;
  /** Default 0o644. */
  mode?: number;
  /** Names inside the host; default root. */
  owner?: string;
  group?: string;
  /** Written only when it is missing: from then on it is the host's own. */
  once?: boolean;
}

/** What makes one host differ from the next. */
export interface HostIdentity {
  /** "tenant-host-105". */
  hostname: string;
  domain: string;
  address: string;
  /** Bits of the network: 24. */
  prefix: number;
  gateway: string;
  /** Public key line that may log in as root: the administrator's. The platform's stack lets its own key in. */
  authorizedKey: string;
  postgres: { host: string; port: number; role: string; password: string };
  /** Odoo's master password (database manager). */
  masterPassword: string;
  /** 32 hex digits (machine-id(5)). */
  machineId: string;
  /** host:port that cloudflared dials instead of Cloudflare's edge. */
  edge?: string;
}

/** Everything configured from outside: network, SSH, Odoo and PgBouncer. Tenants' own files are not among them. */
export function hostFiles(host: HostIdentity): HostFile[] {
  return [
    { path: "/etc/machine-id", content: `${host.machineId}\n`, mode: 0o444 },
    { path: "/etc/hostname", content: `${host.hostname}\n` },
    {
      path: "/etc/hosts",
      content: `127.0.0.1 localhost\n${host.address} ${host.hostname}.${host.domain} ${host.hostname}\n`,
    },
    // The stock 80-container-host0.network asks DHCP: the file that sorts first wins.
    { path: "/etc/systemd/network/10-host0.network", content: network(host) },
    { path: "/root/.ssh/authorized_keys", content: `${host.authorizedKey.trim()}\n`, mode: 0o600 },
    { path: "/etc/odoo/odoo.conf", content: odooConfiguration(host), mode: 0o640, group: "odoo" },
    { path: "/etc/pgbouncer/pgbouncer.ini", content: pgbouncerConfiguration(host), mode: 0o640, group: "postgres" },
    { path: "/etc/pgbouncer/userlist.txt", content: userList(host), mode: 0o640, group: "postgres" },
    { path: "/etc/pgbouncer/tenants.ini", content: "", mode: 0o640, group: "postgres", once: true },
    {
      path: "/etc/systemd/system.conf.d/edge.conf",
      content: host.edge ? `[Manager]\nDefaultEnvironment=TUNNEL_EDGE=${host.edge}\n` : "",
    },
  ];
}

function network(host: HostIdentity): string {
  return `[Match]
Name=host0
[Network]
DHCP=no
LinkLocalAddressing=no
IPv6AcceptRA=no
Address=${host.address}/${host.prefix}
Gateway=${host.gateway}
`;
}

/** https://www.odoo.com/documentation/14.0/developer/misc/other/cmdline.html */
function odooConfiguration(host: HostIdentity): string {
  return `[options]
admin_passwd = ${host.masterPassword}
data_dir = /var/lib/odoo/.local/share/Odoo
; PgBouncer on this host maps each tenant's database to that tenant's role.
db_host = 127.0.0.1
db_port = 6432
db_user = ${host.postgres.role}
db_password = ${oneLine(host.postgres.password)}
db_sslmode = disable
db_maxconn = 64
; Only the connector on this host reaches Odoo, and it sets X-Forwarded-Host.
http_interface = 127.0.0.1
http_port = 8069
proxy_mode = True
; The first label of the host name is the database.
dbfilter = ^%d$
list_db = False
; Logins and RPC too; the platform's stack brings the module.
server_wide_modules = base,web,odoosaas_gate
; Threads in one process: memory grows with the number of tenants visited, not with workers times tenants.
workers = 0
max_cron_threads = 1
limit_time_cpu = 60
limit_time_real = 120
limit_time_real_cron = 600
limit_memory_soft = 2147483648
limit_memory_hard = 2684354560
without_demo = all
log_level = info
`;
}

/** https://www.pgbouncer.org/config.html */
function pgbouncerConfiguration(host: HostIdentity): string {
  const { host: server, port, role, password } = host.postgres;
  return `[databases]
; Odoo lists its databases here, and creates and drops them.
postgres = host=${server} port=${port} dbname=postgres user=${role} password=${quoted(password)}
; One line a tenant, as that tenant's role.
%include /etc/pgbouncer/tenants.ini

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6432
unix_socket_dir = /run/postgresql
auth_type = scram-sha-256
auth_file = /etc/pgbouncer/userlist.txt
; Odoo holds session state: advisory locks, LISTEN, temporary tables.
pool_mode = session
ignore_startup_parameters = extra_float_digits,options
max_client_conn = 500
default_pool_size = 20
; A client in excess of its pool fails soon instead of keeping one of Odoo's threads for two minutes.
query_wait_timeout = 15
server_connect_timeout = 5
server_login_retry = 1
server_idle_timeout = 60
log_connections = 0
log_disconnections = 0
log_stats = 0
`;
}

function userList(host: HostIdentity): string {
  const value = (text: string) => `"${oneLine(text).replaceAll('"', '""')}"`;
  return `${value(host.postgres.role)} ${value(host.postgres.password)}\n`;
}

function quoted(value: string): string {
  return `'${oneLine(value).replaceAll("'", "''")}'`;
}

/** These formats know no escape for line ends, and cut blanks off. */
function oneLine(secret: string): string {
  if (/[\p{Cc}]/u.test(secret) || secret !== secret.trim()) {
    throw new Error("postgres.password of the tenant host must have no control characters and no blanks at its ends");
  }
  return secret;
}
