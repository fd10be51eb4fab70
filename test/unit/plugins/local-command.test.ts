import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { localCommand } from "../../../sandbox/plugins/command/local-command.ts";
import type { Properties } from "../../../sandbox/plugins/framework/value.ts";
import { until } from "../../until.ts";
import { directCall } from "./direct-call.ts";

const create = async (inputs: Properties): Promise<Properties> =>
  (await localCommand.create(inputs, directCall({}))).outputs;

test("a command runs by the shell or another interpreter, with input, variables and folder", async (t) => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "local-")));
  t.after(() => rmSync(dir, { recursive: true }));
  const outputs = await create({
    create: "pwd; echo $A; cat; echo oops >&2",
    dir,
    environment: { A: "1 2" },
    stdin: "in\n\n",
  });
  assert.deepEqual([outputs["stdout"], outputs["stderr"]], [`${dir}\n1 2\nin\n`, "oops"]);
  assert.equal((await create({ interpreter: [process.execPath, "-p"], create: "6*7" }))["stdout"], "42");
});

test("what was printed before is in the next command's environment, unless it is not wanted", async () => {
  const old = { create: "echo c", delete: "printenv PULUMI_COMMAND_STDOUT", stdout: "first", stderr: "" };
  const state = { id: "1", inputs: old, outputs: old };
  const update = { ...old, update: "echo got $PULUMI_COMMAND_STDOUT" };
  assert.equal((await localCommand.update(state, update, directCall({})))["stdout"], "got first");
  assert.equal(
    (await localCommand.update(state, { ...update, addPreviousOutputInEnv: false }, directCall({})))["stdout"],
    "got",
  );
  await localCommand.delete(state, directCall({}));
});

test("a failing command is an error with its status and output; so is one that cannot start", async () => {
  await assert.rejects(
    create({ create: "echo why >&2; exit 4" }),
    /^Error: exit status 4: running "echo why.*":\nwhy\n$/s,
  );
  await assert.rejects(create({ create: "kill -TERM $$" }), /signal: SIGTERM/);
  await assert.rejects(create({ create: "true", dir: "/nowhere" }), /ENOENT/);
});

test("logging shows what is wished for", async () => {
  for (const [logging, lines] of [
    ["stdout", ["o"]],
    ["stderr", ["e"]],
    ["none", []],
  ] as const) {
    const call = directCall({});
    await localCommand.create({ create: "echo o; echo e >&2", logging }, call);
    assert.deepEqual(call.lines, lines);
  }
});

test("a cancellation ends the command and what it started", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "local-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const stop = new AbortController();
  const command = `sh -c 'echo $$ > ${dir}/pid; exec sleep 60' | cat`;
  const refused = assert.rejects(localCommand.create({ create: command }, directCall({}, stop.signal)), /told to stop/);
  const pid = Number(
    await until(
      "the command",
      () => readOr(join(dir, "pid")),
      (text) => text.endsWith("\n"),
      5_000,
    ),
  );
  stop.abort(new Error("told to stop"));
  await refused;
  await until(
    "the end of what it started",
    () => readOr(`/proc/${pid}/stat`),
    (stat) => stat === "" || stat.includes(") Z "),
    5_000,
  );
});

test("outputs as files are not covered, and say so", () => {
  const { failures } = localCommand.check({ create: "true", assetPaths: ["*.txt"] }, { name: "n", oldInputs: {} });
  assert.deepEqual(failures, [{ path: "assetPaths", reason: "Not covered by the sandbox's command plugin" }]);
});

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
