// The supervisor's process: `node supervise.ts <SupervisorOptions as JSON>`, started by launch.ts.
import { join } from "node:path";
import { openInstance } from "../instance.ts";
import { tryLock } from "../lock.ts";
import { removeLeftovers } from "./leftovers.ts";
import type { Message, SupervisorOptions } from "./messages.ts";
import { claimNetwork } from "./network.ts";
import { duration } from "./steps.ts";
import { Supervisor } from "./supervisor.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as SupervisorOptions;
let instance = await openInstance(options.instance);

/** To whoever started this process, as long as they listen, and to the log. */
function tell(message: Message): void {
  log(message);
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

function log(message: Message): void {
  const at = new Date().toISOString();
  if (message.kind === "step") {
    const { event } = message;
    if (event.state === "doing") return;
    const took = "ms" in event ? ` (${duration(event.ms)})` : "";
    console.log(`${at} ${event.title}: ${event.state}${took}${event.state === "failed" ? `: ${event.error}` : ""}`);
  } else if (message.kind === "ready") console.log(`${at} ready`);
  else if (message.kind === "failed") console.error(`${at} failed: ${message.message}`);
  else console.error(`${at} ${message.name}: ${message.how}; see ${message.log}`);
}

const lock = tryLock(join(instance.directory, "supervisor.lock"));
if (!lock) {
  tell({ kind: "failed", message: "The sandbox is already running, or on its way. See: npm run status" });
  process.exit(1);
}
process.on("exit", () => lock.release());

try {
  await removeLeftovers(instance);
  instance = await claimNetwork(instance);
} catch (error) {
  tell({ kind: "failed", message: (error as Error).message });
  process.exit(1);
}
const supervisor = new Supervisor(instance, options, tell);
let stopping: Promise<void> | undefined;

async function stop(exitCode: number): Promise<void> {
  stopping ??= supervisor.stop();
  try {
    await stopping;
    process.exit(exitCode);
  } catch (error) {
    tell({ kind: "failed", message: `stopping: ${(error as Error).message}` });
    process.exit(1);
  }
}

for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(0));
process.on("SIGHUP", () => {}); // a terminal that closes ends who is attached, and that is told below
if (options.attached) process.on("disconnect", () => void stop(0));

try {
  const status = await supervisor.start();
  tell({ kind: "ready", status });
} catch (error) {
  if (!stopping) {
    tell({ kind: "failed", message: (error as Error).message });
    await stop(1);
  }
}
