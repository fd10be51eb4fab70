import type { ProviderStandIn } from "../framework/stand-in.ts";
import { copyToRemote } from "./copy-to-remote.ts";
import { localCommand } from "./local-command.ts";
import { remoteCommand } from "./remote-command.ts";
import { schema } from "./schema.ts";

/** Stands in for the command provider, which has no configuration. */
export const commandProvider: ProviderStandIn = {
  schema,
  checkConfig: () => [],
  configure: () => ({}),
  resources: [localCommand, remoteCommand, copyToRemote],
  functions: [],
};
