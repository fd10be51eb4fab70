import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { CloudsConfig } from "../clouds-config.ts";
import type { Instance } from "../instance.ts";
import { startProcess, type RunningProcess } from "../process.ts";
import { apiUrl } from "./api.ts";
import { PLANS } from "./platform-settings.ts";
import { CHECKOUT } from "./project.ts";
import { writePrivately, type InstanceSecrets } from "./secrets.ts";

const READY_WITHIN_MS = 30_000;

/** What the emulated Cloudflare and Stripe of this instance are like. */
export function cloudsConfig(instance: Instance, secrets: InstanceSecrets): CloudsConfig {
  const { ports, network } = instance;
  const state = (name: string) => join(instance.directory, "clouds", name);
  return {
    cloudflare: {
      port: ports.cloudflare,
      stateFile: state("cloudflare.sqlite"),
      accountId: secrets.cloudflare.accountId,
      zones: [{ id: secrets.cloudflare.zoneId, name: instance.domain }],
      // What Pulumi.prod.yaml asks of a real token.
      tokens: [{ token: secrets.cloudflare.apiToken, permissions: ["tunnel:edit", "dns:edit", "zone:read"] }],
    },
    edge: { port: ports.edge },
    tunnelEdge: { port: ports.tunnelEdge, addresses: ["127.0.0.1", network.gateway] },
    stripe: {
      port: ports.stripe,
      stateFile: state("stripe.jsonl"),
      apiKey: secrets.stripe.apiKey,
      webhook: { url: `${apiUrl(instance)}/webhook/stripe`, secret: secrets.stripe.webhookSecret },
      prices: Object.entries(PLANS).map(([plan, { price, unitAmount }]) => ({ id: price, plan, unitAmount })),
    },
  };
}

/** Starts the emulators, all in one process, and waits until they listen. */
export async function startClouds(instance: Instance, secrets: InstanceSecrets): Promise<RunningProcess> {
  const file = join(instance.directory, "clouds", "config.json");
  writePrivately(file, JSON.stringify(cloudsConfig(instance, secrets), undefined, 2));
  const clouds = startProcess({
    name: "Cloudflare and Stripe emulators",
    command: process.execPath,
    args: [join(CHECKOUT, "sandbox/clouds.ts"), file],
    cwd: CHECKOUT,
    log: join(instance.directory, "logs", "clouds.log"),
  });
  for (const deadline = Date.now() + READY_WITHIN_MS; !hasLogged(clouds, "ready"); await setTimeout(25)) {
    const failed = clouds.ended ?? (Date.now() > deadline ? "did not start within 30 s" : undefined);
    if (failed === undefined) continue;
    await clouds.stop();
    throw new Error(`they ${failed}. Their log (${clouds.log}) ends with:\n${clouds.lastLines(20)}`);
  }
  return clouds;
}

function hasLogged(part: RunningProcess, line: string): boolean {
  return readFileSync(part.log, "utf8").split("\n").includes(line);
}
