import type { EngineResult } from "../engine/engine.ts";
import type { OperationKind } from "../tenants/operation.ts";

/**
 * What a run reserves before it begins: what it makes at most when nothing goes wrong, our own looks included. The test
 * of the budget compares them with the calls that the emulator counts.
 */
export const RESERVED: Readonly<Record<OperationKind, number>> = {
  provision: 8,
  update: 7,
  suspend: 3,
  resume: 3,
  delete: 8,
  preview: 2,
};

/** One call each for create, update, delete, import and read, but for a configuration, whose deletion is none. */
const OF_CLOUDFLARE = /^cloudflare:index\//;
const CONFIGURATION = /^cloudflare:index\/zeroTrustTunnelCloudflaredConfig:/;
/** `node` on the worker, which asks until a tunnel has no connections: components/tenant/drain-tunnel.mjs. */
const DRAIN = /^command:local:Command$/;

/**
 * Calls that a run of the engine has made, from what it tells of each resource. A provider says nothing of its own
 * repetitions, but those take time: the count is of all that fit into it.
 */
export function callsOf(result: Pick<EngineResult, "resources">, ran: "up" | "preview" | "destroy"): number {
  let calls = ran === "destroy" ? 0 : 1; // the program asks for the tunnel's token
  for (const { type, op, seconds = 0 } of result.resources) {
    const deleted = op.startsWith("delete") || op === "discard-replaced";
    if (OF_CLOUDFLARE.test(type) && ran !== "preview" && !(deleted && CONFIGURATION.test(type)))
      calls += triesIn(seconds);
    if (DRAIN.test(type) && deleted) calls += 1 + Math.ceil(seconds / 2) * 2;
  }
  return calls;
}

// cloudflare-go's: ten repetitions after 2 s, 4 s, 8 s and so on up to 30 s, each shortened by up to a quarter.
const REPETITIONS = 10;
const FIRST_MS = 2_000;
const LONGEST_MS = 30_000;
const SHORTENED = 0.75;

function triesIn(seconds: number): number {
  let tries = 1;
  let left = seconds * 1_000;
  for (let delay = FIRST_MS; tries <= REPETITIONS; delay = Math.min(delay * 2, LONGEST_MS)) {
    left -= delay * SHORTENED;
    if (left < 0) return tries;
    tries += 1;
  }
  return tries;
}
