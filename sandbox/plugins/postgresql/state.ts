import { PartialFailure, type State } from "../framework/stand-in.ts";
import type { Properties } from "../framework/value.ts";

/**
 * The state after a change was made. When it cannot be read any more, the change is recorded all the same: the engine
 * then knows of the resource, and the next update goes on from there.
 */
export async function afterwards(
  id: string,
  planned: Properties,
  read: () => Promise<State | undefined>,
): Promise<State> {
  const state = await read().catch((error: unknown) => {
    throw new PartialFailure({ id, outputs: { ...planned, id } }, error as Error);
  });
  if (state === undefined) throw new Error(`${id} was changed but is not there any more`);
  return state;
}
