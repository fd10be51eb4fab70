import { odooRelease } from "../../components/odoo-release.ts";
import { tenantStackName } from "../../components/stack-names.ts";
import { type HostSettings, publicUrl } from "../../components/settings/platform-settings.ts";
import type { TenantSettings } from "../../components/settings/tenant-settings.ts";
import { hostname } from "../../components/tenant/names.ts";
import { derivePassword } from "../../components/tenant/secrets.ts";
import type { Findings } from "./findings.ts";
import { placeOf } from "./placement.ts";
import { TenantFailure } from "./reasons.ts";
import { rememberPlan } from "./remember-plan.ts";
import type { ProgramChoice, Run, StackKind } from "./run.ts";
import { secretsOf, stackConfig, stackSettings } from "./stack-settings.ts";
import { TENANT_TABLE } from "./tenant-rows.ts";
import type { Tenant } from "./tenant.ts";

/** Tenants, as reconciles see them. */
export const TENANTS: StackKind<Tenant> = {
  table: TENANT_TABLE,
  input(tenant, platform, platformStack) {
    const settings = stackSettings(tenant);
    return {
      stack: tenantStackName(settings.subdomain),
      secrets: secretsOf(platform, settings),
      config: stackConfig(settings, platformStack),
      program: ({ adopt, passwordByHost }: Partial<ProgramChoice> = {}) => [platform, settings, adopt, passwordByHost],
    };
  },
  async target(io, lease, { settings: platform, clouds }) {
    const tenant = await rememberPlan(io.db, lease, platform);
    const settings = stackSettings(tenant);
    const host = placeOf(platform, tenant);
    // The program would refuse too, but only after the engine's start.
    const known = platform.plans[tenant.planType] ?? tenant.planSettings;
    if (known === null && tenant.wanted !== "deleted")
      throw new TenantFailure("settings-invalid", `plan_type: this platform has no plan "${tenant.planType}"`);
    return {
      ...TENANTS.input(tenant, platform, io.platformStack),
      name: settings.subdomain,
      host,
      component: "odoosaas:tenant:Tenant",
      look: () => clouds.look(settings),
      prove: (run, { found }) => prove(run, settings, host, found),
    };
  },
};

async function prove(
  run: Run,
  settings: TenantSettings,
  host: HostSettings,
  found: Findings,
): Promise<string | undefined> {
  const { platform, lease } = run;
  // The customer's from its first minute on: only a database made in this very run has the password we know.
  const isFresh =
    run.step.kind === "provision" && lease.row.attempts === 0 && !lease.takenOver && found.database === undefined;
  return run.io.probe({
    url: publicUrl(platform, hostname(settings.subdomain, platform.domain)),
    subdomain: settings.subdomain,
    expect: settings.suspended ? "suspended" : "serving",
    liveRoute: odooRelease(host.odoo.version).liveRoute,
    ...(isFresh && {
      login: {
        login: settings.adminEmail,
        password: derivePassword(platform.masterKey, settings.subdomain, "odoo-admin"),
      },
    }),
    signal: run.signal,
  });
}
