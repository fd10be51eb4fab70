import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import * as command from "@pulumi/command";
import * as postgresql from "@pulumi/postgresql";
import type * as pulumi from "@pulumi/pulumi";
import { startPostgres } from "../../postgres.ts";
import { undoAfter } from "../../undo.ts";
import { until } from "../../until.ts";
import { engineWorld } from "./engine-world.ts";

/** All plugins in one process, as a server keeps it: the value of PULUMI_DEBUG_PROVIDERS. */
async function pluginHost(t: TestContext): Promise<{ attach: string; pid: number }> {
  const script = fileURLToPath(new URL("../../../sandbox/plugins/host.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
  undoAfter(t, async () => {
    const exit = once(child, "exit");
    child.stdin.end();
    await exit;
  });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const ports = Object.entries(JSON.parse(line) as Record<string, number>);
  return { attach: ports.map(([name, port]) => `${name}:${port}`).join(","), pid: child.pid ?? 0 };
}

test("one process serves runs one after another and at once, each with its own configuration", async (t) => {
  const servers = [await startPostgres(t), await startPostgres(t)];
  const world = await engineWorld(t, { installed: false });
  const { attach, pid } = await pluginHost(t);
  const stackOf = async (name: string, port: number) =>
    await world.stack(
      name,
      async (): Promise<Record<string, pulumi.Output<string>>> => {
        const provider = new postgresql.Provider("p", { host: "127.0.0.1", port, sslmode: "disable" });
        const role = new postgresql.Role("role", { name: `role_of_${name}` }, { provider });
        const printed = new command.local.Command("c", { create: `sleep 0.3; echo ${name}` }).stdout;
        return { role: role.name, printed };
      },
      { PULUMI_DEBUG_PROVIDERS: attach },
    );
  const names = ["a", "b", "c", "d"];
  const stacks = await Promise.all(
    names.map(async (name, index) => await stackOf(name, servers[index % 2]?.port ?? 0)),
  );
  const ups = await Promise.all(stacks.map(async (stack) => await stack.up()));
  assert.deepEqual(
    ups.map(({ outputs }) => String(outputs["printed"]?.value)),
    names,
  );
  assert.deepEqual(
    (await Promise.all(stacks.map(async (stack) => await stack.up()))).map(({ summary }) => summary.resourceChanges),
    names.map(() => ({ same: 4 })),
  );
  const { default: pg } = await import("pg");
  for (const [index, server] of servers.entries()) {
    const client = new pg.Client(server.url);
    await client.connect();
    const { rows } = await client.query<{ rolname: string }>(
      "SELECT rolname FROM pg_roles WHERE rolname LIKE 'role_of_%' ORDER BY 1",
    );
    await client.end();
    assert.deepEqual(
      rows.map(({ rolname }) => rolname),
      index === 0 ? ["role_of_a", "role_of_c"] : ["role_of_b", "role_of_d"],
    );
  }
  for (const stack of stacks) await stack.destroy();
  const memory = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  t.diagnostic(`the plugins' process holds ${Math.round(Number(memory) / 1_000)} MB after ${3 * names.length} runs`);
});

/** A stack whose only command writes its process id and then takes its time. */
function slow(pidFile: string, seconds: number) {
  return async (): Promise<void> => {
    new command.local.Command("slow", { create: `echo $$ > ${pidFile}; exec sleep ${seconds}` });
  };
}

test("a run that is cancelled ends with what it started, the run beside it does not notice", async (t) => {
  const world = await engineWorld(t, { installed: false });
  const { attach } = await pluginHost(t);
  const env = { PULUMI_DEBUG_PROVIDERS: attach };
  const cancelledFile = join(world.directory, "cancelled");
  const otherFile = join(world.directory, "other");
  const cancelled = await world.stack("cancelled", slow(cancelledFile, 60), env);
  const other = await world.stack("other", slow(otherFile, 4), env);
  const stop = new AbortController();
  const refused = assert.rejects(cancelled.up({ signal: stop.signal }));
  const going = other.up();
  const pid = await started(cancelledFile);
  await started(otherFile);
  stop.abort();
  await refused;
  await until(
    "the end of its command",
    () => runs(pid),
    (running) => !running,
    5_000,
  );
  assert.equal((await going).summary.resourceChanges?.create, 2);
});

for (const attached of [true, false])
  test(`when the engine is killed, what ran for it ends (${attached ? "attached plugins" : "plugins of its own"})`, async (t) => {
    const world = await engineWorld(t, { installed: !attached });
    const env: Record<string, string> = attached ? { PULUMI_DEBUG_PROVIDERS: (await pluginHost(t)).attach } : {};
    const pidFile = join(world.directory, "pid");
    const stack = await world.stack("killed", slow(pidFile, 60), env);
    const failed = assert.rejects(stack.up());
    const pid = await started(pidFile);
    const engine = children(process.pid).find((child) => /(^|\/)pulumi\0up/.test(readOr(`/proc/${child}/cmdline`)));
    assert.ok(engine !== undefined, "an engine runs");
    const plugins = children(engine);
    process.kill(engine, "SIGKILL");
    await failed;
    for (const each of [pid, ...plugins])
      await until(
        `the end of process ${each}`,
        () => runs(each),
        (running) => !running,
        10_000,
      );
  });

async function started(pidFile: string): Promise<number> {
  return Number(
    await until(
      "the command",
      () => readOr(pidFile),
      (text) => text.endsWith("\n"),
      30_000,
    ),
  );
}

function runs(pid: number): boolean {
  const stat = readOr(`/proc/${pid}/stat`);
  return stat !== "" && !stat.includes(") Z ");
}

function children(pid: number): number[] {
  const parentOf = (child: string): number => Number(/\) \S (\d+)/.exec(readOr(`/proc/${child}/stat`))?.[1]);
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid)
    .map(Number);
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
