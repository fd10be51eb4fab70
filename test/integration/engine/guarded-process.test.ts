import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { killGuarded, killSession, leaderOf, spawnGuarded } from "../../../automation/engine/guarded-process.ts";
import { until } from "../../until.ts";

const env = { PATH: process.env["PATH"] ?? "" };

test("a guarded command's output and exit code are its own", async () => {
  const child = spawnGuarded("bash", ["-c", "echo out; echo problem >&2; exit 3"], { env });
  const exit = once(child, "exit") as Promise<[number | null]>;
  const [out, problem, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  assert.deepEqual([out, problem, code], ["out\n", "problem\n", 3]);
});

test("a polite signal reaches the command, which may take its time", async () => {
  const child = spawnGuarded(
    "bash",
    ["-c", "trap 'sleep 0.2; echo bye; exit 4' INT; echo ready; while :; do sleep 0.05; done"],
    { env },
  );
  await once(child.stdout, "data");
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [4, null]);
});

test("killing takes the command's own children along", async () => {
  const child = spawnGuarded("bash", ["-c", "sleep 1000 & echo $!; wait"], { env });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  killGuarded(child);
  await once(child, "exit");
  await until(
    "the grandchild's end",
    () => isAlive(Number(line)),
    (alive) => !alive,
    10_000,
  );
});

test("what a command has started goes with it when somebody else kills it", async () => {
  const child = spawnGuarded("bash", ["-c", "sleep 1000 & echo $$ $!; wait"], { env });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const [command, grandchild] = line.toString().split(" ").map(Number) as [number, number];
  process.kill(command, "SIGKILL");
  assert.deepEqual(await once(child, "exit"), [137, null]);
  await until(
    "the grandchild's end",
    () => isAlive(grandchild),
    (alive) => !alive,
    10_000,
  );
});

test("a command that is frozen together with its guard can be killed by whoever finds it", async () => {
  const child = spawnGuarded("bash", ["-c", "sleep 1000 & echo $$ $!; wait"], { env });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const [command, grandchild] = line.toString().split(" ").map(Number) as [number, number];
  const leader = leaderOf(grandchild);
  assert.equal(leader, child.pid);
  assert.equal(leaderOf(process.pid), undefined);
  for (const pid of [command, grandchild, leader ?? 0]) process.kill(pid, "SIGSTOP");
  killSession(leader ?? 0);
  await once(child, "exit");
  await until(
    "the end of all",
    () => [command, grandchild].some(isAlive),
    (alive) => !alive,
    10_000,
  );
});

for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
  test(`a command ends soon after its starter got ${signal}`, async (t) => {
    const script = `
      import { spawnGuarded } from ${JSON.stringify(new URL("../../../automation/engine/guarded-process.ts", import.meta.url).href)};
      const child = spawnGuarded("bash", ["-c", "echo $$; sleep 1000"], { env: process.env, limitSeconds: 1 });
      child.stdout.pipe(process.stdout);
      setInterval(() => child.stdin.write("\\n"), 200);`;
    const starter = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => starter.kill("SIGKILL"));
    const [line] = (await once(starter.stdout, "data")) as [Buffer];
    assert.ok(isAlive(Number(line)));
    starter.kill(signal);
    await until(
      "the command's end",
      () => isAlive(Number(line)),
      (alive) => !alive,
      10_000,
    );
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
