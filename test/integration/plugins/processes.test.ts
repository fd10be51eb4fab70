import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { installStandIns } from "../../../sandbox/plugins/install.ts";
import { PROVIDERS } from "../../../sandbox/plugins/providers.ts";
import { until } from "../../until.ts";
import { ProviderClient, type RpcError } from "./provider-client.ts";

const script = (name: string): string => fileURLToPath(new URL(`../../../sandbox/plugins/${name}`, import.meta.url));
const TYPE = "command:local:Command";

interface Started {
  child: ChildProcess;
  firstLine: string;
  exit: Promise<unknown[]>;
}

async function start(t: TestContext, command: string, args: string[]): Promise<Started> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exit = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  const [firstLine] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, firstLine, exit };
}

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "plugins-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("an installed plugin starts, tells its port and ends with the engine's pipe", async (t) => {
  const home = temporary(t);
  assert.deepEqual(await installStandIns(home, join(home, "compiled")), {
    installed: Object.keys(PROVIDERS),
    official: [],
  });
  const { child, firstLine, exit } = await start(
    t,
    join(home, "plugins/resource-command-v1.2.1/pulumi-resource-command"),
    ["127.0.0.1:1"],
  );
  const client = new ProviderClient(Number(firstLine), TYPE);
  t.after(() => client.close());
  await client.configure({});
  const command = 'echo "[$ODOO_TENANTS_PLUGIN_CACHE$MALLOC_ARENA_MAX]"';
  assert.equal(
    (await client.create({ create: command })).outputs["stdout"],
    "[]",
    "commands do not see the plugin's own settings",
  );
  child.stdin?.end();
  assert.deepEqual(await exit, [0, null]);
});

test("installing again, and at once with others, leaves one working executable", async (t) => {
  const home = temporary(t);
  await Promise.all([
    installStandIns(home, join(home, "compiled")),
    installStandIns(home, join(home, "compiled")),
    installStandIns(home, join(home, "compiled")),
  ]);
  const file = join(home, "plugins/resource-command-v1.2.1/pulumi-resource-command");
  const before = statSync(file);
  assert.equal(before.mode & 0o777, 0o755);
  await installStandIns(home, join(home, "compiled"));
  assert.equal(statSync(file).mtimeMs, before.mtimeMs, "nothing is written without need");
  writeFileSync(file, readFileSync(file, "utf8").replace(process.execPath, "/an/older/node"));
  await installStandIns(home, join(home, "compiled"));
  assert.match(readFileSync(file, "utf8"), new RegExp(process.execPath));
});

test("an official plugin that is there stays", async (t) => {
  const home = temporary(t);
  await installStandIns(home, join(home, "compiled"));
  const file = join(home, "plugins/resource-command-v1.2.1/pulumi-resource-command");
  writeFileSync(file, "\x7fELF official");
  assert.deepEqual((await installStandIns(home, join(home, "compiled"))).official, ["command"]);
  assert.equal(readFileSync(file, "utf8"), "\x7fELF official");
});

test("a plugin that is asked for another provider says which there are", async (t) => {
  const child = spawn(process.execPath, [script("main.ts"), "aws"], { stdio: ["ignore", "ignore", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 2);
  assert.match(said, /one of cloudflare, postgresql, command; got aws/);
});

for (const signal of ["SIGTERM", "SIGINT"] as const)
  test(`one process serves all providers, and on ${signal} ends what is running in it`, async (t) => {
    const { child, firstLine, exit } = await start(t, process.execPath, [script("host.ts")]);
    const ports = JSON.parse(firstLine) as Record<string, number>;
    assert.deepEqual(Object.keys(ports), Object.keys(PROVIDERS));
    const client = new ProviderClient(ports["command"] ?? 0, TYPE);
    t.after(() => client.close());
    await client.configure({});
    const pidFile = join(temporary(t), "pid");
    const running = assert.rejects(
      client.create({ create: `echo $$ > ${pidFile}; exec sleep 60` }),
      (error: RpcError) => /the plugin is shutting down|UNAVAILABLE|Connection dropped|Cancelled/i.test(error.message),
    );
    const pid = Number(
      await until(
        "the command",
        () => readOr(pidFile),
        (text) => text.endsWith("\n"),
        5_000,
      ),
    );
    child.kill(signal);
    await running;
    assert.deepEqual(await exit, [0, null]);
    await until(
      "the command's end",
      () => readOr(`/proc/${pid}/stat`),
      (stat) => stat === "" || stat.includes(") Z "),
      5_000,
    );
  });

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
