import type { TestContext } from "node:test";

type Undo = () => Promise<void> | void;

const pending = new Map<TestContext, Undo[]>();

/**
 * Undoes what a test made, last made first, when the test ends, whichever way: also when it times out, and when the
 * run is interrupted (node:test itself ends on a signal without running `t.after`).
 */
export function undoAfter(t: TestContext, undo: Undo): void {
  if (pending.size === 0) process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  let undos = pending.get(t);
  if (undos === undefined) {
    undos = [];
    pending.set(t, undos);
    t.after(() => undoAll(t));
  }
  undos.push(undo);
}

/** All are tried; the first error is the test's. */
async function undoAll(t: TestContext): Promise<void> {
  const undos = pending.get(t) ?? [];
  const errors: unknown[] = [];
  for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
    try {
      await undo();
    } catch (error) {
      errors.push(error);
    }
  }
  pending.delete(t);
  if (pending.size === 0) process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  if (errors.length > 0)
    throw errors.length === 1 ? errors[0] : new AggregateError(errors, "what the test made is not all undone");
}

let ending = false;

function interrupted(): void {
  if (ending) return;
  ending = true;
  void Promise.allSettled([...pending.keys()].map(undoAll)).then((results) => {
    for (const result of results) if (result.status === "rejected") console.error(result.reason);
    process.exit(130);
  });
}
