import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { startProcess, type RunningProcess } from "../../sandbox/process.ts";
import { CHECKOUT } from "../../sandbox/lifecycle/project.ts";
import { serverEnvironment, startServer } from "../../sandbox/lifecycle/server.ts";
import { treeMemory } from "../report/machine.ts";
import type { Ground } from "./ground.ts";

/** The server as a measure needs it: one process for all, or one for the API and several workers. */
export interface Servers {
  /** Of all their processes, engines and providers included, in bytes. */
  memory(): number;
  stop(): Promise<void>;
}

export interface ServerSetup {
  /** Updates at once in each worker. Default: as the server chooses. */
  parallelism?: number;
  /** Worker processes beside one for the API; none: one process does both. Default 0. */
  workers?: number;
}

/** A bench asks more often than people do, and more than one Cloudflare account allows. */
const SETTINGS = {
  RATE_LIMIT_PER_MINUTE: "1000000",
  CLOUDFLARE_CALLS: "1200",
  CLOUDFLARE_WINDOW_SECONDS: "10",
  LOG_LEVEL: "info",
};

export async function startServers(ground: Ground, setup: ServerSetup = {}): Promise<Servers> {
  const { sandbox, engine } = ground;
  const settings = {
    ...SETTINGS,
    ...(setup.parallelism !== undefined && { ENGINE_PARALLELISM: String(setup.parallelism) }),
  };
  const workers = setup.workers ?? 0;
  const role = workers > 0 ? { ROLE: "api" } : {};
  const processes = [await startServer(sandbox.instance, engine, sandbox.secrets, { ...settings, ...role })];
  const stop = async () => void (await Promise.all(processes.map((each) => each.stop())));
  ground.undo(stop);
  for (let number = 1; number <= workers; number++)
    processes.push(await startWorkerProcess(ground, number, { ...settings, ROLE: "worker" }));
  return { memory: () => processes.reduce((total, { pid }) => total + treeMemory(pid), 0), stop };
}

async function startWorkerProcess(
  { sandbox, engine }: Ground,
  number: number,
  settings: Record<string, string>,
): Promise<RunningProcess> {
  const worker = startProcess({
    name: `worker ${number}`,
    command: process.execPath,
    args: [join(CHECKOUT, "automation/main.ts")],
    cwd: CHECKOUT,
    env: { ...serverEnvironment(sandbox.instance, engine, sandbox.secrets), ...settings },
    log: join(sandbox.instance.directory, "logs", `worker-${number}.log`),
    stopWithinMs: 60_000,
  });
  for (const deadline = Date.now() + 30_000; !/"listening"/.test(worker.lastLines(50)); await setTimeout(50)) {
    if (worker.ended || Date.now() > deadline)
      throw new Error(`${worker.name} did not start:\n${worker.lastLines(20)}`);
  }
  return worker;
}
