import type { TestContext } from "node:test";
import type { Database } from "../../../automation/db/database.ts";
import { BossQueue, type Handlers } from "../../../automation/queue/boss-queue.ts";
import { afterFile } from "../../database.ts";

/** A process that only sends, until the end of the file. */
export async function sendingTo(db: Database): Promise<BossQueue> {
  const queue = await BossQueue.start({ db, name: "sender" });
  afterFile(() => queue.stop(1_000));
  return queue;
}

/** A worker until the test's end, with nothing to do but what is given. */
export async function workingOn(
  db: Database,
  t: TestContext,
  handlers: Partial<Handlers>,
  reconciles = 2,
  perHost = 10,
): Promise<BossQueue> {
  const worker = await BossQueue.start({ db, name: "worker" });
  t.after(() => worker.stop(1_000));
  const nothing = async (): Promise<void> => {};
  await worker.work(
    { reconcile: nothing, tunnel: nothing, stripeEvent: nothing, preview: nothing, ...handlers },
    { reconciles, perHost, stripeEvents: 1 },
  );
  return worker;
}
