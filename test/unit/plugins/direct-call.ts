import type { Call, Log } from "../../../sandbox/plugins/framework/stand-in.ts";

/** A call without an engine; lines of its log are collected. */
export function directCall<Config>(
  config: Config,
  signal = new AbortController().signal,
): Call<Config> & { lines: string[] } {
  const lines: string[] = [];
  const log: Log = {
    status: (line) => lines.push(line),
    warn: (line) => lines.push(`warning: ${line}`),
    error: (line) => lines.push(`error: ${line}`),
  };
  return { config, signal, log, name: "name", lines };
}
