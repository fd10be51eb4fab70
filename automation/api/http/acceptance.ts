import type { Transaction } from "../../db/database.ts";

/** How a request under a key tells what it has led to, and learns what its predecessor had led to. */
export interface Acceptance {
  /** The operation of an earlier try that was never answered: its process died, or it took too long. */
  readonly operationId: number | undefined;
  /** Notes the operation in the transaction that makes it. Throws, and so undoes it, when a repeat has taken over. */
  readonly remember: (tx: Transaction, operationId: number) => Promise<void>;
}
