import type { Database } from "../db/database.ts";
import type { Listener } from "../db/listener.ts";

const CHANNEL = "odoosaas_reload";

export interface Reloading {
  /** Reads everything again here, and has all other processes do so; resolves when this one has. */
  everywhere(): Promise<void>;
}

/**
 * Processes of a platform read their secrets and the platform's settings again together: one is asked (by the API or by
 * SIGHUP), all do. `name` is this process's own.
 */
export async function reloading(
  db: Database,
  listener: Listener,
  name: string,
  reload: () => Promise<void>,
  onError: (error: Error) => void,
): Promise<Reloading> {
  // An empty word: the listener was away, and something may have been said meanwhile.
  await listener.listen(CHANNEL, (from) => {
    if (from !== name) reload().catch(onError);
  });
  return {
    async everywhere() {
      await reload();
      await db.query("select pg_notify($1, $2)", [CHANNEL, name]);
    },
  };
}
