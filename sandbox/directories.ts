import { homedir, userInfo } from "node:os";
import { join } from "node:path";

/** Where root's instances are, unless the environment says otherwise. */
export const ROOT_STATE_DIRECTORY = "/var/lib/odoo-tenants";

/** What can be made again and is shared by all instances: the engine, the tenant host's tree, the connector. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env["ODOO_TENANTS_CACHE"]) return env["ODOO_TENANTS_CACHE"];
  return userInfo().uid === 0 ? "/var/cache/odoo-tenants" : join(homedir(), ".cache/odoo-tenants");
}

/** What instances hold: databases, hosts' files, emulators' state, secrets. */
export function stateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env["ODOO_TENANTS_STATE"]) return env["ODOO_TENANTS_STATE"];
  return userInfo().uid === 0 ? ROOT_STATE_DIRECTORY : join(homedir(), ".local/state/odoo-tenants");
}
