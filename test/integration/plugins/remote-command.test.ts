import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import ssh2 from "ssh2";
import { newSshKeyPair } from "../../../components/host/ssh-key-pair.ts";
import { copyToRemote } from "../../../sandbox/plugins/command/copy-to-remote.ts";
import { remoteCommand } from "../../../sandbox/plugins/command/remote-command.ts";
import { Asset, Archive, Secret, UNKNOWN, type Properties } from "../../../sandbox/plugins/framework/value.ts";
import { until } from "../../until.ts";
import { directCall } from "../../unit/plugins/direct-call.ts";
import { HOST_KEY, sshFake, USER_KEY } from "./ssh-fake.ts";

/** As Check completes it. */
function connection(port: number, more: Properties = {}): Properties {
  const defaults = { user: "root", dialErrorLimit: 0, perDialTimeout: 30 };
  return {
    host: "127.0.0.1",
    port,
    privateKey: USER_KEY.privateKey,
    hostKey: HOST_KEY.publicKey.trim(),
    ...defaults,
    ...more,
  };
}

const run = async (port: number, inputs: Properties, more: Properties = {}): Promise<Properties> =>
  (await remoteCommand.create({ connection: connection(port, more), ...inputs }, directCall({}))).outputs;

test("a command gets its stdin, and both outputs come back without the last newline", async (t) => {
  const { port } = await sshFake(t);
  const call = directCall({});
  const made = await remoteCommand.create(
    { connection: connection(port), create: "cat; echo; echo warn >&2", stdin: "in\n" },
    call,
  );
  assert.deepEqual([made.outputs["stdout"], made.outputs["stderr"]], ["in\n", "warn"]);
  assert.match(made.id, /^name[0-9a-f]{8}$/);
  assert.deepEqual(call.lines.toSorted(), ["", "in", "warn"]);
});

test("without stdin a command that reads it ends", async (t) => {
  const { port } = await sshFake(t);
  assert.equal((await run(port, { create: "cat; echo done" }))["stdout"], "done");
});

test("large outputs and inputs come through whole", async (t) => {
  const { port } = await sshFake(t);
  const stdin = "0123456789abcdef".repeat(100_000);
  assert.equal((await run(port, { create: "cat", stdin, logging: "none" }))["stdout"], stdin);
});

test("a command that fails is an error with its status and what it said last", async (t) => {
  const { port } = await sshFake(t);
  const failing = run(port, { create: "yes line | head -10000; echo the reason >&2; exit 3" });
  await assert.rejects(failing, (error: Error) => {
    assert.match(error.message, /^Process exited with status 3: running "yes line.*the reason\n$/s);
    assert.ok(error.message.length < 20_000, "only the end is repeated");
    return true;
  });
  await assert.rejects(run(port, { create: "kill -9 $$" }), /Process exited from signal KILL/);
});

test("an update runs update, or else create; a deletion runs with the old connection", async (t) => {
  const { port, seen } = await sshFake(t);
  const old = {
    connection: connection(port),
    create: "echo c",
    update: "echo u",
    delete: "echo d",
    stdout: "before",
    stderr: "",
  };
  const state = { id: "1", inputs: old, outputs: old };
  const call = directCall({});
  assert.equal((await remoteCommand.update(state, { ...old, create: "echo c2" }, call))["stdout"], "u");
  const { update: _, ...without } = old;
  assert.equal((await remoteCommand.update(state, without, call))["stdout"], "c");
  await remoteCommand.delete(state, call);
  assert.deepEqual(
    seen.filter((each) => each.startsWith("exec")),
    ["exec echo u", "exec echo c", "exec echo d"],
  );
  const { create: _create, delete: _delete, ...nothing } = without;
  assert.equal((await remoteCommand.update(state, nothing, call))["stdout"], "before", "no command, no change");
  await remoteCommand.delete({ ...state, outputs: nothing }, call);
});

test("variables that the server refuses fail the command, those of the last output only warn", async (t) => {
  const { port } = await sshFake(t);
  assert.equal((await run(port, { create: "echo $ACCEPTED_A", environment: { ACCEPTED_A: "x y" } }))["stdout"], "x y");
  await assert.rejects(
    run(port, { create: "true", environment: { ACCEPTED_A: "1", OTHER: "2" } }),
    /could not set environment variable "OTHER"/,
  );
  const call = directCall({});
  const old = { connection: connection(port), create: "echo fine", stdout: "printed", stderr: "" };
  const outputs = await remoteCommand.update({ id: "1", inputs: old, outputs: old }, old, call);
  assert.equal(outputs["stdout"], "fine");
  assert.ok(
    call.lines.some((line) => line.startsWith("warning: Unable to set 'PULUMI_COMMAND_STDOUT'")),
    call.lines.join("\n"),
  );
  const quiet = directCall({});
  await remoteCommand.update({ id: "1", inputs: old, outputs: old }, { ...old, addPreviousOutputInEnv: false }, quiet);
  assert.deepEqual(quiet.lines, ["fine"]);
});

test("another host key than the pinned one is refused before anything secret is sent", async (t) => {
  const { port, logins } = await sshFake(t);
  const other = newSshKeyPair("test").publicKey.trim();
  await assert.rejects(
    run(port, { create: "true" }, { hostKey: other }),
    /after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch/,
  );
  const rsa = ssh2.utils.generateKeyPairSync("rsa", { bits: 2_048 }).public.trim();
  await assert.rejects(run(port, { create: "true" }, { hostKey: rsa }), /host key mismatch/);
  await assert.rejects(run(port, { create: "true" }, { hostKey: "nonsense" }), /failed to parse host key/);
  assert.equal(logins(), 0);
  const { hostKey: _, ...unpinned } = connection(port);
  const believed = await remoteCommand.create({ connection: unpinned, create: "echo in" }, directCall({}));
  assert.equal(believed.outputs["stdout"], "in");
});

test("a login works by key or by password, and is refused otherwise", async (t) => {
  const { port } = await sshFake(t);
  const password = connection(port, { password: "right" });
  const { privateKey: _, ...byPassword } = password;
  assert.equal(
    (await remoteCommand.create({ connection: byPassword, create: "echo in" }, directCall({}))).outputs["stdout"],
    "in",
  );
  const asked = { connection: { ...byPassword, password: "asked" }, create: "echo in" };
  assert.equal((await remoteCommand.create(asked, directCall({}))).outputs["stdout"], "in");
  await assert.rejects(
    remoteCommand.create({ connection: { ...byPassword, password: "wrong" }, create: "true" }, directCall({})),
    /unable to authenticate as root/,
  );
  const stranger = newSshKeyPair("test").privateKey;
  await assert.rejects(run(port, { create: "true" }, { privateKey: stranger }), /unable to authenticate as root/);
});

test("a host that is not there is dialled as often as wished", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as AddressInfo;
  closed.close();
  const call = directCall({});
  const failing = remoteCommand.create({ connection: connection(port, { dialErrorLimit: 2 }), create: "true" }, call);
  await assert.rejects(failing, /after 2 failed attempts: dial 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  assert.deepEqual(call.lines, ["Dial 1/2 failed: retrying", "Dial 2/2 failed: retrying"]);
});

test("a host that does not answer is given up after the time for one attempt", async (t) => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  await assert.rejects(
    run(port, { create: "true" }, { perDialTimeout: 0.05 }),
    /Timed out while waiting for handshake/,
  );
});

test("a cancellation closes the session and ends what runs in it", async (t) => {
  const { port, open } = await sshFake(t);
  const stop = new AbortController();
  const running = remoteCommand.create(
    { connection: connection(port), create: "sleep 60" },
    directCall({}, stop.signal),
  );
  const refused = assert.rejects(running, /told to stop/);
  await until("a session", open, (count) => count === 1, 5_000);
  stop.abort(new Error("told to stop"));
  await refused;
  await until("no session", open, (count) => count === 0, 5_000);
});

test("a host behind a bastion is reached through it", async (t) => {
  const [bastion, host] = [await sshFake(t), await sshFake(t)];
  const outputs = await run(host.port, { create: "echo behind" }, { proxy: connection(bastion.port) });
  assert.equal(outputs["stdout"], "behind");
  assert.deepEqual([bastion.logins(), host.logins(), bastion.seen], [1, 1, []]);
  await assert.rejects(
    run(host.port, { create: "true" }, { proxy: connection(bastion.port, { user: "nobody" }) }),
    /^Error: proxy: .*unable to authenticate/,
  );
});

test("checks fill in the connection's defaults and mark it secret", () => {
  const given = { connection: new Secret({ host: "h", privateKey: "k" }), create: "true" };
  const { inputs, failures } = remoteCommand.check(given, { name: "n", oldInputs: {} });
  assert.deepEqual(failures, []);
  const privateKey = new Secret("k");
  const filled = { host: "h", privateKey, user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 };
  assert.deepEqual(inputs, { connection: new Secret(filled), create: "true" });
  const wrong = remoteCommand.check({ connection: { hots: "h" }, command: "x" }, { name: "n", oldInputs: {} });
  assert.deepEqual(
    wrong.failures.map(({ path }) => path),
    ["connection.hots", "connection.host", "command"],
  );
});

test("inputs are compared with inputs, and previews know what a changed command prints only later", () => {
  const inputs = { connection: new Secret({ host: "h" }), create: "a", triggers: [1, "x"] };
  const old = { id: "1", inputs, outputs: { ...inputs, stdout: "out", stderr: "" } };
  assert.equal(remoteCommand.diff(old, inputs).changes.size, 0);
  assert.deepEqual(
    [...remoteCommand.diff(old, { ...inputs, create: "b", triggers: [1, UNKNOWN] }).changes.keys()],
    ["create", "triggers[1]"],
  );
  assert.deepEqual(remoteCommand.diff(old, { connection: inputs.connection, create: "a" }).changes.get("triggers"), {
    kind: "delete",
    replace: true,
  });
  assert.equal(remoteCommand.previewUpdate(old, { ...inputs, create: "b" })["stdout"], UNKNOWN);
  assert.equal(remoteCommand.previewUpdate(old, { ...inputs, connection: { host: "h" } })["stdout"], "out");
  assert.equal(remoteCommand.previewCreate(inputs)["stdout"], UNKNOWN);
});

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "copy-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("texts, files and folders are copied to where the path says", async (t) => {
  const { port } = await sshFake(t);
  const directory = folder(t);
  mkdirSync(join(directory, "from/inner"), { recursive: true });
  writeFileSync(join(directory, "from/a.txt"), "a");
  writeFileSync(join(directory, "from/inner/b.txt"), "b".repeat(100_000));
  const copy = async (source: Asset | Archive, to: string): Promise<string> =>
    (
      await copyToRemote.create(
        { connection: connection(port), source, remotePath: join(directory, to) },
        directCall({}),
      )
    ).id;
  const read = (path: string): string => readFileSync(join(directory, path), "utf8");

  assert.match(await copy(new Asset({ text: "hello" }), "new/deep/text"), /^[0-9a-f]{8}$/);
  assert.equal(read("new/deep/text"), "hello");
  await copy(new Asset({ path: join(directory, "from/a.txt") }), "new");
  assert.equal(read("new/a.txt"), "a", "into a folder that exists");
  await copy(new Asset({ path: join(directory, "from/a.txt") }), "new/deep/text");
  assert.equal(read("new/deep/text"), "a", "over a file that exists");
  await copy(new Archive({ path: join(directory, "from") }), "to");
  assert.equal(read("to/from/inner/b.txt"), "b".repeat(100_000));
  await copy(new Archive({ path: `${join(directory, "from")}/` }), "to");
  assert.equal(read("to/a.txt"), "a", "the contents only");
  await assert.rejects(copy(new Asset({ text: "x" }), "to"), /is a directory; when using a text asset/);
  await assert.rejects(copy(new Asset({ text: "x" }), "from/a.txt/below"), /exists but is not a directory|failed to/);
  await assert.rejects(copy(new Asset({ path: join(directory, "none") }), "to"), /ENOENT/);
});

test("an update copies only when the source or its place has changed", async (t) => {
  const { port, logins } = await sshFake(t);
  const directory = folder(t);
  const inputs = {
    connection: connection(port),
    source: new Asset({ text: "1", hash: "h1" }),
    remotePath: join(directory, "f"),
  };
  const old = { id: "1", inputs, outputs: { ...inputs, source: new Asset({ hash: "h1" }) } };
  await copyToRemote.update(old, inputs, directCall({}));
  assert.equal(logins(), 0);
  await copyToRemote.update(old, { ...inputs, source: new Asset({ text: "2", hash: "h2" }) }, directCall({}));
  assert.equal(readFileSync(join(directory, "f"), "utf8"), "2");
});
