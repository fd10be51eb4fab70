import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { deliver } from "../ground/checkout.ts";
import type { Ground } from "../ground/ground.ts";
import { treeMemory } from "../report/machine.ts";
import type { Way } from "./way.ts";

/** The usual way, in a process that is up when the first event comes, as a server's is. */
export async function usualWay(ground: Ground): Promise<Way & { memory(): number; stop(): Promise<void> }> {
  const { sandbox, platform } = ground;
  const file = join(sandbox.instance.directory, "usual-handler.json");
  const webhookSecret = sandbox.secrets.stripe.webhookSecret;
  writeFileSync(file, JSON.stringify({ platform, webhookSecret }), { mode: 0o600 });
  const program = fileURLToPath(new URL("./usual-handler.ts", import.meta.url));
  const handler = spawn(process.execPath, [program, file], {
    env: await sandbox.engineEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(handler, "exit");
  const stop = async () => {
    handler.kill("SIGTERM");
    await ended;
  };
  ground.undo(stop);
  const [port] = (await Promise.race([
    once(createInterface({ input: handler.stdout }), "line"),
    ended.then(() => Promise.reject(new Error("the usual way's handler ended"))),
  ])) as [string];
  const url = `http://127.0.0.1:${port}`;
  return {
    name: "the usual way",
    make: async ({ event }) => await deliver(url, event),
    memory: () => treeMemory(handler.pid ?? 0),
    stop,
  };
}
