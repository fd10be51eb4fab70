import type { HostWatch } from "../ground/host-watch.ts";
import type { Ground } from "../ground/ground.ts";
import { untilStatus } from "../ground/edge.ts";
import type { PaidCheckout } from "../ground/checkout.ts";
import { processorMeter } from "../report/machine.ts";

/** One way to make a tenant of a paid checkout. */
export interface Way {
  readonly name: string;
  /** Resolves when the way itself takes the tenant for finished. */
  make(checkout: PaidCheckout): Promise<void>;
  /** What the time went into, once it is made; milliseconds by part. */
  parts?(subdomain: string, began: Date): Promise<Record<string, number>>;
}

export interface Sample {
  /** Milliseconds from the beginning to the first 200 of the login page through the edge. */
  servedMs: number;
  /** Milliseconds until the way itself was done. */
  doneMs: number;
  /** Processor time of the whole machine in the meantime, in milliseconds. */
  processorMs: number;
  parts: Record<string, number>;
}

/** Then it is asked whatever the log says. */
const PATIENCE_MS = 10_000;

/**
 * Makes one tenant one way, and takes the time. The tenant stays as long as its ground: a removal just before the next
 * run would spoil that on file systems that are slow to make files after many were deleted (ext4 without a journal).
 */
export async function measure(way: Way, ground: Ground, watch: HostWatch, checkout: PaidCheckout): Promise<Sample> {
  const { subdomain } = checkout;
  const processor = processorMeter();
  const date = new Date();
  const began = performance.now();
  const failure = new AbortController();
  const signal = AbortSignal.any([ground.signal, failure.signal]);
  const making = way.make(checkout).catch((error: unknown) => {
    failure.abort(error);
    throw error;
  });
  const served = watch
    .prepared(subdomain, PATIENCE_MS)
    .then(async () => await untilStatus(ground.sandbox.instance, subdomain, 200, signal));
  const [doneMs, servedMs] = await Promise.all([
    making.then(() => performance.now() - began),
    served.then((at) => at - began),
  ]);
  const processorMs = processor();
  const parts = (await way.parts?.(subdomain, date)) ?? {};
  return { servedMs, doneMs, processorMs, parts };
}
