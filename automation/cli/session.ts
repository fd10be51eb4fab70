import type { ApiClient } from "./api-client.ts";
import type { Terminal } from "./terminal.ts";

/** What every command works with. */
export interface Session extends Terminal {
  /** Made when it is first needed, so that `--help` and `token create` need no server. */
  readonly api: () => ApiClient;
  /** The answer's JSON is to be printed as it is. */
  readonly json: () => boolean;
  print(text: string): void;
}
