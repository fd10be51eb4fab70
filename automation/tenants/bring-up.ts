import { odooRelease } from "../../components/odoo-release.ts";
import { tenantStackName } from "../../components/program.ts";
import { publicUrl } from "../../components/settings/platform-settings.ts";
import { hostname } from "../../components/tenant/names.ts";
import { derivePassword } from "../../components/tenant/secrets.ts";
import type { EngineResult } from "../engine/engine.ts";
import { claim, type Claim } from "./claim.ts";
import { TenantFailure } from "./reasons.ts";
import { phase, type Run, withStaleLockBroken } from "./run.ts";
import { stackConfig } from "./stack-settings.ts";

/** Makes the tenant what it should be, running or suspended, and proves it by a look through the edge. */
export async function bringUp(run: Run): Promise<EngineResult> {
  const claimed = await claim(run);
  const result = await update(run, claimed);
  await phase(run, "probe", () => prove(run, claimed));
  return result;
}

export async function update(run: Run, { adopt }: Pick<Claim, "adopt">): Promise<EngineResult> {
  const { platform, settings, io } = run;
  const result = await phase(run, "engine", () =>
    withStaleLockBroken(run, () =>
      io.engine.up({
        stack: tenantStackName(settings.subdomain),
        program: [platform, settings, adopt],
        config: stackConfig(settings, io.platformStack),
        signal: run.signal,
        onEvent: run.recorder.event,
        secrets: run.secrets,
      }),
    ),
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
