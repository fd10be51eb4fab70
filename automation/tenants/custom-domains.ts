import type { Transaction } from "../db/database.ts";
import { CustomDomainTaken } from "./errors.ts";

const ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('odoosaas.custom-domains'))";
const OWNER = `
  select subdomain, domain from tenant_deployments, jsonb_array_elements_text(settings -> 'customDomains') as domain
  where state <> 'deleted' and id is distinct from $2 and domain = any($1) limit 1`;

/**
 * Throws CustomDomainTaken when another tenant than `except` has one of these. Until the transaction ends nobody else is
 * given one, so that two requests cannot both find it free.
 */
export async function claimCustomDomains(
  tx: Transaction,
  domains: readonly string[] = [],
  except?: number,
): Promise<void> {
  if (domains.length === 0) return;
  await tx.query(ONE_AT_A_TIME);
  const { rows } = await tx.query<{ subdomain: string; domain: string }>(OWNER, [domains, except ?? null]);
  if (rows[0] !== undefined) throw new CustomDomainTaken(rows[0].domain, rows[0].subdomain);
}
