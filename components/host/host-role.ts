import type { HostSettings, PlatformSettings } from "../settings/platform-settings.ts";
import { hostCommand, type HostCommand } from "./host-command.ts";

const SCRIPT = ["../tenant/role-password.sh", "../tenant/pgbouncer.sh", "./host-role.sh"].map(
  (file) => new URL(file, import.meta.url),
);

/** Exchanges the password of a host's own Odoo role. Reads RESTART: "yes" exchanges what Odoo shows to PgBouncer, too. */
export function hostRoleCommand(platform: Pick<PlatformSettings, "postgres">, host: HostSettings): HostCommand {
  const { port, sslmode, maintenanceDatabase } = platform.postgres;
  return hostCommand("host-role", ["rotate"], SCRIPT, {
    POSTGRES_HOST: host.postgresAddress ?? platform.postgres.host,
    POSTGRES_PORT: String(port),
    POSTGRES_SSLMODE: sslmode,
    MAINTENANCE_DATABASE: maintenanceDatabase,
    ODOO_ROLE: host.odoo.role,
    ODOO_CONFIG: host.odoo.configFile,
    ODOO_SERVICE: host.odoo.service,
    ODOO_PORT: String(host.odoo.port),
  });
}
