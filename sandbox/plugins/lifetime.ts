import { fstatSync } from "node:fs";

/**
 * Calls `stop` once, and ends the process after it: on SIGTERM and SIGINT, and when whoever started the process has
 * gone. The engine gives its plugins a pipe as standard input and never writes to it, so its end means that the engine
 * is no more; a terminal, a file or /dev/null means nothing.
 */
export function untilStopped(stop: () => Promise<void>): void {
  let stopping = false;
  const end = (): void => {
    if (stopping) return;
    stopping = true;
    void stop().finally(() => process.exit(0));
  };
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
  if (isPipe(0)) {
    process.stdin.once("end", end).once("error", end);
    process.stdin.resume();
  }
}

function isPipe(descriptor: number): boolean {
  try {
    const stats = fstatSync(descriptor);
    return stats.isFIFO() || stats.isSocket();
  } catch {
    return false; // closed
  }
}
