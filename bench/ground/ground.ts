import { randomBytes } from "node:crypto";
import { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { provideEngine, type Engine } from "../../sandbox/engine/provide.ts";
import { findInstance } from "../../sandbox/instance.ts";
import { missingPrerequisites, NotPossibleHere, thisMachine } from "../../sandbox/lifecycle/prerequisites.ts";
import { startSandbox, type Sandbox } from "../../sandbox/lifecycle/sandbox.ts";
import { resetInstance } from "../../sandbox/lifecycle/stop.ts";
import { say } from "../command-line.ts";

/** A sandbox to measure on: databases, emulators, host and the platform's stack; servers are started by the measure. */
export interface Ground {
  sandbox: Sandbox;
  platform: PlatformSettings;
  engine: Engine;
  /** Ends with Ctrl-C. */
  signal: AbortSignal;
  /** Called when the measure ends, in whatever way, the last first; the sandbox goes after all of them. */
  undo(work: () => Promise<unknown>): void;
}

/** Runs a measure on a sandbox of its own, and removes that afterwards: after failures and Ctrl-C too. */
export async function onGround<T>(measure: (ground: Ground) => Promise<T>): Promise<T> {
  const problems = missingPrerequisites(thisMachine());
  if (problems.length > 0) throw new NotPossibleHere(problems);
  const name = `bench-${randomBytes(3).toString("hex")}`;
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) say("Stopping, and removing what was made…");
      stop.abort(new Interrupted(signal));
    });
  }
  const interrupted = new Promise<never>((_resolve, reject) => {
    stop.signal.addEventListener("abort", () => reject(stop.signal.reason as Error));
  });
  const undone: (() => Promise<unknown>)[] = [];
  try {
    return await Promise.race([begin(name, stop.signal, undone).then(measure), interrupted]);
  } finally {
    for (const work of undone.toReversed()) await work().catch((error: unknown) => say(String(error)));
    const instance = findInstance(name);
    if (instance) await resetInstance(instance, { caches: false });
    if (stop.signal.aborted) process.exit(INTERRUPTED);
  }
}

/** As a shell calls a command that Ctrl-C ended. */
const INTERRUPTED = 130;

/** Ctrl-C. */
export class Interrupted extends Error {
  constructor(signal: string) {
    super(`interrupted by ${signal}`);
    this.name = "Interrupted";
  }
}

/**
 * Cloudflare allows 1,200 calls in five minutes; at about six for each tenant, a measure of tenants a minute would soon
 * measure that instead. Servers are told of it in their settings.
 */
async function liftCloudflareLimit({ instance }: Sandbox): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${instance.ports.cloudflare}/__limit`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ requests: 1_000_000, windowSeconds: 300 }),
  });
  if (!response.ok) throw new Error(`the emulated Cloudflare answered ${response.status} to a new limit`);
}

async function begin(name: string, signal: AbortSignal, undone: (() => Promise<unknown>)[]): Promise<Ground> {
  say("Starting a sandbox…");
  const sandbox = await startSandbox({ name, upTo: "platform", onStep: (line) => say(`  ${line}`) });
  undone.push(() => sandbox.stop());
  await liftCloudflareLimit(sandbox);
  const stack = ["-s", "organization/odoosaas/prod"];
  const settings = await sandbox.pulumi("stack", "output", "settings", "--json", "--show-secrets", ...stack);
  return {
    sandbox,
    platform: PlatformSettings.parse(JSON.parse(settings)),
    engine: await provideEngine(sandbox.instance.cache, () => {}),
    signal,
    undo: (work) => void undone.push(work),
  };
}
