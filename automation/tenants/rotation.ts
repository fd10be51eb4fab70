import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import type { Queryable } from "../db/database.ts";
import { secretId } from "../secrets/secret-id.ts";
import type { StackRow } from "./stack-row.ts";
import type { SecretGenerations } from "./tenant.ts";

/** A tenant's own secrets that can be drawn anew (components/tenant/secrets.ts). */
export const ROTATABLE = ["tunnel", "database"] as const;
export type RotatableSecret = (typeof ROTATABLE)[number];

const GENERATION_OF: Readonly<Record<RotatableSecret, keyof SecretGenerations>> = {
  tunnel: "tunnel",
  database: "postgresRole",
};

/** The generations that a tenant should run with. */
export function wantedSecrets({ settings }: Pick<StackRow, "settings">): SecretGenerations {
  return { tunnel: 1, postgresRole: 1, ...settings.secretGeneration };
}

/** The same, with the next generation of these. */
export function rotated(tenant: Pick<StackRow, "settings">, secrets: readonly RotatableSecret[]): SecretGenerations {
  const wanted = { ...wantedSecrets(tenant) };
  for (const secret of new Set(secrets)) wanted[GENERATION_OF[secret]] += 1;
  return wanted;
}

/** Whether the next run has to exchange this secret while visitors are served. */
export function isRotating(tenant: Pick<StackRow, "settings" | "appliedSecrets">, secret: RotatableSecret): boolean {
  const key = GENERATION_OF[secret];
  return wantedSecrets(tenant)[key] > tenant.appliedSecrets[key];
}

/** Names what the platform logs in with; a stack's state holds it, and deletes by it. */
export function credentialsId(platform: PlatformSettings): string {
  const { cloudflareApiToken, postgresPassword, sshPrivateKey } = platform;
  return secretId(JSON.stringify([cloudflareApiToken, postgresPassword, sshPrivateKey]));
}

const PENDING = `
  select
    count(*) filter (where coalesce((settings->'secretGeneration'->>'tunnel')::int, 1) > (applied_secrets->>'tunnel')::int)::int as tunnel,
    count(*) filter (where coalesce((settings->'secretGeneration'->>'postgresRole')::int, 1) > (applied_secrets->>'postgresRole')::int)::int as database
  from (
    select state, settings, applied_secrets from tenant_deployments
    union all select state, settings, applied_secrets from standalone_tunnels
  ) as kept where state <> 'deleted' and settings ? 'secretGeneration'`;

/** Tenants, and containers' own tunnels, that do not run with the generation yet that they should. */
export async function pendingRotations(db: Queryable): Promise<Readonly<Record<RotatableSecret, number>>> {
  const { rows } = await db.query<Record<RotatableSecret, number>>(PENDING);
  return rows[0] ?? { tunnel: 0, database: 0 };
}

const NEXT_TENANTS = `
  select id from tenant_deployments
  where id > $1 and state <> 'deleted' and wanted <> 'deleted' order by id limit $2`;

/** Ids of tenants to rotate, in order, from the one after `after` on. */
export async function tenantsAfter(db: Queryable, after: number, limit: number): Promise<readonly number[]> {
  return (await db.query<{ id: number }>(NEXT_TENANTS, [after, limit])).rows.map(({ id }) => id);
}
