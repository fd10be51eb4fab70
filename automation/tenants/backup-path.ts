import type { Diagnostic } from "./operation.ts";

/**
 * Where the host has put a tenant's last backup, from what its command printed (components/tenant/odoo-database.sh); a
 * removal that is repeated tells the earlier one's.
 */
export function backupPath(diagnostics: readonly Diagnostic[] = []): string | undefined {
  for (const { message } of diagnostics) {
    const path = /^backup (\/\S+)$/m.exec(message)?.[1];
    if (path !== undefined) return path;
  }
  return undefined;
}
