import { setTimeout } from "node:timers/promises";
import { tunnelStackName } from "../../components/stack-names.ts";
import { masterKeys, publicUrl } from "../../components/settings/platform-settings.ts";
import { PROJECT } from "../../components/settings/stack-config.ts";
import { TunnelSettings } from "../../components/settings/tunnel-settings.ts";
import { hostname } from "../../components/tenant/names.ts";
import { deriveStandaloneTunnelSecret } from "../../components/tenant/secrets.ts";
import { placeOf } from "../tenants/placement.ts";
import { TenantFailure } from "../tenants/reasons.ts";
import { wantedSecrets } from "../tenants/rotation.ts";
import type { ProgramChoice, Run, StackKind } from "../tenants/run.ts";
import { platformSecrets, upTo } from "../tenants/stack-settings.ts";
import type { StandaloneTunnel } from "./standalone-tunnels.ts";
import { TUNNEL_TABLE } from "./tunnel-rows.ts";

/** Containers' own tunnels, as reconciles see them. */
export const TUNNELS: StackKind<StandaloneTunnel> = {
  table: TUNNEL_TABLE,
  input(row, platform, platformStack) {
    const settings = tunnelSettings(row);
    const { label, secretGeneration } = settings;
    return {
      stack: tunnelStackName(label),
      secrets: [
        ...platformSecrets(platform),
        ...masterKeys(platform).flatMap((key) =>
          upTo(secretGeneration, (n) => deriveStandaloneTunnelSecret(key, label, n)),
        ),
      ],
      config: { [`${PROJECT}:tunnel`]: settings, [`${PROJECT}:platform`]: platformStack },
      program: ({ adopt }: Partial<ProgramChoice> = {}) => [platform, settings, adopt],
    };
  },
  async target(io, { row }, { settings: platform, clouds }) {
    const settings = tunnelSettings(row);
    return {
      ...TUNNELS.input(row, platform, io.platformStack),
      name: settings.label,
      host: placeOf(platform, row),
      component: "odoosaas:tunnel:StandaloneTunnel",
      look: () => clouds.lookForTunnel(settings),
      prove: (run, _claimed, { outputs }) => prove(run, String(outputs["tunnelId"])),
    };
  },
};

/** The whole input of its stack besides the platform's settings, as its row says. Throws `settings-invalid`. */
function tunnelSettings(row: StandaloneTunnel): TunnelSettings {
  const { label, containerId: hostId, localPort: port } = row;
  const read = TunnelSettings.safeParse({ label, hostId, port, secretGeneration: wantedSecrets(row).tunnel });
  if (read.success) return read.data;
  const problems = read.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new TenantFailure("settings-invalid", problems.join("; "));
}

/** Cloudflare's list of a tunnel's connections follows its edge by a few seconds. */
const LISTED_WITHIN_MS = 15_000;
const LISTED_EVERY_MS = 1_000;

/**
 * That its unit is connected, the host has said when it was started (Type=notify); here visitors and Cloudflare have the
 * word. What the container answers is its own business.
 */
async function prove(run: Run, tunnelId: string): Promise<string | undefined> {
  const { platform, target, clouds, signal } = run;
  const url = publicUrl(platform, hostname(target.name, platform.domain));
  const problem = await run.io.probe({ url, expect: "connected", signal });
  if (problem !== undefined) return problem;
  for (const deadline = performance.now() + LISTED_WITHIN_MS; ; await setTimeout(LISTED_EVERY_MS)) {
    if ((await clouds.connectors(tunnelId)).length > 0) return undefined;
    signal.throwIfAborted();
    if (performance.now() > deadline) return "Cloudflare lists no connection of the tunnel";
  }
}
