import { odooRelease } from "../../components/odoo-release.ts";
import { tenantStackName } from "../../components/program.ts";
import { publicUrl } from "../../components/settings/platform-settings.ts";
import { hostname } from "../../components/tenant/names.ts";
import { derivePassword } from "../../components/tenant/secrets.ts";
import type { EngineResult } from "../engine/engine.ts";
import { claim, type Claim } from "./claim.ts";
import { enginePhase } from "./engine-phase.ts";
import { TenantFailure } from "./reasons.ts";
import { isRotating } from "./rotation.ts";
import { phase, type Run } from "./run.ts";
import { stackConfig } from "./stack-settings.ts";

/** Makes the tenant what it should be, running or suspended, and proves it by a look through the edge. */
export async function bringUp(run: Run): Promise<EngineResult> {
  const claimed = await claim(run);
  const result = await withRotation(run, claimed);
  await phase(run, "probe", () => prove(run, claimed));
  return result;
}

/** The update, and what a rotation of the tenant's own secrets takes besides. */
async function withRotation(run: Run, { adopt }: Claim): Promise<EngineResult> {
  const { tenant } = run.lease;
  const [tunnel, database] = [isRotating(tenant, "tunnel"), isRotating(tenant, "database")];
  // Connections made with the old token stay; they are cut when the new one is in use.
  const outdated = tunnel ? await connectors(run) : [];
  const before =
    database && tenant.tunnelActive
      ? { adopt, passwordByHost: true } // see components/tenant/tenant.ts
      : tunnel && adopt.tunnelId !== undefined
        ? { adopt } // an adopted tunnel keeps its secret in that run: nothing can be compared with it
        : undefined;
  const first = before === undefined ? undefined : await update(run, before);
  const result = await update(run, { adopt: first === undefined ? adopt : {} });
  if (outdated.length > 0) {
    const connected = await connectors(run);
    for (const id of outdated) if (connected.includes(id)) await run.clouds.disconnect(tenant.tunnelId ?? "", id);
  }
  return first === undefined ? result : together(first, result);
}

async function connectors({ lease, clouds }: Run): Promise<readonly string[]> {
  return lease.tenant.tunnelId === null ? [] : clouds.connectors(lease.tenant.tunnelId);
}

/** Of two runs, what both did. */
function together(first: EngineResult, second: EngineResult): EngineResult {
  const changes: Record<string, number> = { ...second.changes };
  for (const [op, count] of Object.entries(first.changes)) if (op !== "same") changes[op] = (changes[op] ?? 0) + count;
  return {
    ...second,
    changes,
    resources: [...first.resources, ...second.resources],
    diagnostics: [...first.diagnostics, ...second.diagnostics],
  };
}

export async function update(
  run: Run,
  { adopt, passwordByHost }: Pick<Claim, "adopt"> & { passwordByHost?: boolean },
): Promise<EngineResult> {
  const { platform, settings, io } = run;
  const result = await enginePhase(run, "up", (onEvent) =>
    io.engine.up({
      stack: tenantStackName(settings.subdomain),
      program: [platform, settings, adopt, passwordByHost ?? false],
      config: stackConfig(settings, io.platformStack),
      signal: run.signal,
      onEvent,
      secrets: run.secrets,
    }),
  );
  if (result.timings["slotMs"] !== undefined) run.timings["slotMs"] = result.timings["slotMs"];
  return result;
}

async function prove(run: Run, { found }: Claim): Promise<void> {
  const { platform, settings, host, lease } = run;
  // The customer's from its first minute on: only a database made in this very run has the password we know.
  const isFresh =
    run.step.kind === "provision" && lease.tenant.attempts === 0 && !lease.takenOver && found.database === undefined;
  const problem = await run.io.probe({
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
  if (problem !== undefined) throw new TenantFailure("not-reachable", problem);
}
