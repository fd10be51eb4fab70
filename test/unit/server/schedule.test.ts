import assert from "node:assert/strict";
import { test } from "node:test";
import { repeat } from "../../../automation/schedule.ts";

function world() {
  const stop = new AbortController();
  const abandon = new AbortController();
  const errors: string[] = [];
  const onError = (error: Error): void => void errors.push(error.message);
  return { stop, abandon, errors, onError, end: { stop: stop.signal, abandon: abandon.signal } };
}

test("a failed turn is told, and the next one comes", async () => {
  const { stop, errors, onError, end } = world();
  let turns = 0;
  const work = async (): Promise<void> => {
    turns += 1;
    if (turns === 3) stop.abort();
    throw new Error(`turn ${turns}`);
  };
  await repeat(1, work, end, onError);
  assert.deepEqual(errors, ["turn 1", "turn 2", "turn 3"]);
});

test("a stop waits for the turn that has begun, but not for one that is given up", { timeout: 5_000 }, async () => {
  const { stop, abandon, onError, end } = world();
  const turn = Promise.withResolvers<void>();
  let ended = false;
  const repeating = repeat(1, () => turn.promise, end, onError).then(() => (ended = true));
  stop.abort();
  await new Promise(setImmediate);
  assert.equal(ended, false);
  abandon.abort(); // the turn waits for a Stripe that does not answer
  await repeating;
});
