/**
 * Physical names, one function per system. They are derived from the subdomain alone, so that anybody who knows the
 * tenant can find its parts, and a lost state can be adopted again. Lengths: a subdomain has at most 32 characters.
 */

/** Cloudflare tunnel. The first users' API shows it as the tunnel's name. */
export function tunnelName(subdomain: string): string {
  return `${subdomain}-tunnel`;
}

/** systemd service of the tenant's connector, without the `.service` suffix. */
export function connectorService(subdomain: string): string {
  return `cloudflared-${tunnelName(subdomain)}`;
}

/** PostgreSQL role that owns everything inside the tenant's database. */
export function roleName(subdomain: string): string {
  return `tenant_${subdomain}`;
}

/** PostgreSQL database; Odoo's `--db-filter ^%d$` finds it by the first label of the host name. */
export function databaseName(subdomain: string): string {
  return subdomain;
}

/** Public host name. */
export function hostname(subdomain: string, domain: string): string {
  return `${subdomain}.${domain}`;
}

/** Mark of ownership in the DNS record's comment (100 characters at most on Cloudflare's free plan). */
export function ownershipMark(platformId: string, subdomain: string): string {
  return `odoosaas platform=${platformId} tenant=${subdomain}`;
}

/** The same, of a container's tunnel that belongs to no tenant (components/tunnel). */
export function tunnelOwnershipMark(platformId: string, label: string): string {
  return `odoosaas platform=${platformId} tunnel=${label}`;
}
