import type { Transaction } from "../db/database.ts";

export type Attempt<T> =
  | { readonly failed: false; readonly value: T }
  | { readonly failed: true; readonly error: unknown };

/** Does something within a transaction that may fail and leave no trace, so that the transaction can go on without it. */
export async function attempt<T>(tx: Transaction, work: () => Promise<T>): Promise<Attempt<T>> {
  const before = tx.beforeCommit.length;
  await tx.query("savepoint attempt");
  try {
    const value = await work();
    await tx.query("release savepoint attempt");
    return { failed: false, value };
  } catch (error) {
    tx.beforeCommit.length = before;
    await tx.query("rollback to savepoint attempt");
    return { failed: true, error };
  }
}
