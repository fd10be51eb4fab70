import { spawn, type ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Instance } from "../instance.ts";
import { openLog } from "../process.ts";
import { MARK } from "./leftovers.ts";
import type { Message, SupervisorOptions } from "./messages.ts";
import type { SandboxStatus } from "./status.ts";

/** The start failed, and everything is stopped again. */
export class StartFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = "StartFailed";
  }
}

/** A supervisor that this process has started. */
export interface Launched {
  /** Resolves when all is up; throws StartFailed. */
  ready: Promise<SandboxStatus>;
  /** Resolves with the exit code when the supervisor has ended: everything is stopped then. */
  ended: Promise<number>;
  /** Asks it to stop everything; during a start too. */
  stop(): void;
  /** Lets it run on without this process. */
  detach(): void;
}

export function supervisorLog(instance: Instance): string {
  return join(instance.directory, "logs", "supervisor.log");
}

/** Starts the instance's supervisor, a process of its own, and passes on what it tells. */
export function launch(
  instance: Instance,
  options: SupervisorOptions,
  onMessage: (message: Message) => void,
): Launched {
  const log = openLog(supervisorLog(instance));
  const program = fileURLToPath(new URL("./supervise.ts", import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    cwd: "/",
    // A session of its own: Ctrl-C in the terminal is for whoever shows the progress, and passes it on as SIGTERM.
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    env: { ...process.env, [MARK]: instance.directory },
  });
  closeSync(log);
  child.on("message", (message) => onMessage(message as Message));
  const ended = new Promise<number>((resolve) => {
    child.once("exit", (code) => resolve(code ?? 1)).once("error", () => resolve(1));
  });
  return {
    ready: whenReady(child, ended, supervisorLog(instance)),
    ended,
    stop: () => child.kill("SIGTERM"),
    detach: () => {
      if (child.connected) child.disconnect();
      child.unref();
    },
  };
}

async function whenReady(child: ChildProcess, ended: Promise<number>, log: string): Promise<SandboxStatus> {
  let failure: string | undefined;
  const ready = new Promise<SandboxStatus>((resolve) => {
    child.on("message", (message) => {
      const told = message as Message;
      if (told.kind === "ready") resolve(told.status);
      if (told.kind === "failed") failure ??= told.message;
    });
  });
  // A failure is reported when all is stopped again, so that the next start finds nothing in its way.
  return await Promise.race([
    ready,
    ended.then((code) => {
      throw new StartFailed(
        failure ?? (code === 0 ? "The start was interrupted." : `The supervisor ended with ${code}; see ${log}`),
      );
    }),
  ]);
}
