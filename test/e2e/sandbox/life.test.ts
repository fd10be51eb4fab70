import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import pg from "pg";
import { openInstance, type Instance } from "../../../sandbox/instance.ts";
import { launch, StartFailed } from "../../../sandbox/lifecycle/launch.ts";
import { findRun } from "../../../sandbox/lifecycle/running.ts";
import { startSandbox } from "../../../sandbox/lifecycle/sandbox.ts";
import { stopInstance } from "../../../sandbox/lifecycle/stop.ts";
import { undoAfter } from "../../undo.ts";
import { until } from "../../until.ts";
import { ownInstance, supervisorOptions } from "./own.ts";

const execute = promisify(execFile);

/** Processes whose command line or environment names the instance's directory. */
async function processesOf(instance: Instance): Promise<string[]> {
  const { stdout } = await execute("ps", ["axeww", "-o", "pid=,args="]);
  return stdout.split("\n").filter((line) => line.includes(`${instance.directory}/`) && !line.includes(" ps axeww"));
}

async function assertNothingLeft(instance: Instance): Promise<void> {
  assert.deepEqual(await processesOf(instance), []);
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(instance.directory));
  assert.ok(!existsSync(`/sys/class/net/${instance.network.bridge}`), "the bridge is gone");
}

test("a sandbox comes up beside another one, and is gone after its stop", async (t) => {
  const [one, other] = await Promise.all([startSandbox({ upTo: "parts" }), startSandbox({ upTo: "parts" })]);
  undoAfter(t, () => one.stop());
  undoAfter(t, () => other.stop());
  assert.notEqual(one.instance.network.bridge, other.instance.network.bridge);
  const { ports } = one.instance;
  const stripe = await fetch(`http://127.0.0.1:${ports.stripe}/v1/prices`, {
    headers: { authorization: `Bearer ${one.secrets.stripe.apiKey}` },
  });
  assert.equal(stripe.status, 200);
  await one.stop();
  await assertNothingLeft(one.instance);
  assert.equal(existsSync(one.instance.directory), false);
  assert.equal(
    (await fetch(`http://127.0.0.1:${other.instance.ports.edge}/`)).status > 0,
    true,
    "the other one lives on",
  );
});

test("PostgreSQL takes each part's password from the machine and the host, and no superuser is among them", async (t) => {
  const sandbox = await startSandbox({ upTo: "parts" });
  undoAfter(t, () => sandbox.stop());
  const { postgresRoles } = sandbox.secrets;
  for (const [user, database] of [
    ["odoosaas", "odoosaas"],
    ["pulumi", "pulumi"],
    ["platform_admin", "postgres"],
    ["odoo_h105", "postgres"],
  ] as const) {
    for (const host of ["127.0.0.1", sandbox.instance.network.gateway]) {
      const client = new pg.Client({
        host,
        port: sandbox.instance.ports.postgres,
        user,
        database,
        password: postgresRoles[user],
      });
      await client.connect();
      const { rows } = await client.query<{ super: boolean; fsync: string }>(
        "select rolsuper as super, current_setting('fsync') as fsync from pg_roles where rolname = current_user",
      );
      await client.end();
      assert.deepEqual(rows, [{ super: false, fsync: "on" }], `${user} by ${host}`);
    }
  }
  const wrong = new pg.Client({
    host: "127.0.0.1",
    port: sandbox.instance.ports.postgres,
    user: "pulumi",
    password: "wrong",
  });
  await assert.rejects(wrong.connect(), /password authentication failed/);
});

test("sandboxes of two state directories do not share a network, and a stop of one leaves the other's", async (t) => {
  const one = await startSandbox({ upTo: "parts" });
  undoAfter(t, () => one.stop());
  const state = mkdtempSync(join(tmpdir(), "odoo-tenants-state-"));
  chmodSync(state, 0o711); // PostgreSQL's user must get through
  undoAfter(t, () => rmSync(state, { recursive: true }));
  const before = process.env["ODOO_TENANTS_STATE"];
  const leave = () => {
    if (before === undefined) delete process.env["ODOO_TENANTS_STATE"];
    else process.env["ODOO_TENANTS_STATE"] = before;
  };
  process.env["ODOO_TENANTS_STATE"] = state;
  undoAfter(t, leave);
  // As if it had been made before the other one was there.
  const made = await openInstance("test-other");
  const file = join(made.directory, "instance.json");
  const chosen = Number(one.instance.network.bridge.slice(3));
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, "utf8")) as object), network: chosen }));
  const other = await startSandbox({ name: "test-other", upTo: "parts" });
  undoAfter(t, () => other.stop());
  assert.notEqual(other.instance.network.bridge, one.instance.network.bridge);
  await other.stop();
  assert.ok(existsSync(`/sys/class/net/${one.instance.network.bridge}`));
});

test("what a killed supervisor left is stopped by the next stop, and does not hinder the next start", async (t) => {
  const instance = await ownInstance(t, "test-killed");
  for (const next of ["start", "stop"]) {
    const supervisor = launch(instance, supervisorOptions(instance, { attached: false }), () => {});
    await supervisor.ready;
    const run = findRun(instance);
    assert.ok(run);
    supervisor.detach();
    process.kill(run.supervisor.pid, "SIGKILL");
    await until(
      "the supervisor to be gone",
      () => findRun(instance),
      (found) => found === undefined,
    );
    assert.notDeepEqual(await processesOf(instance), [], "its parts run on");
    if (next === "start") continue;
    assert.equal(await stopInstance(instance), true);
    await assertNothingLeft(instance);
    assert.equal(await stopInstance(instance), false, "a second stop finds nothing");
  }
});

test("a sandbox whose owner dies stops itself", async (t) => {
  const instance = await ownInstance(t, "test-orphan");
  const module = new URL("../../../sandbox/lifecycle/launch.ts", import.meta.url).href;
  const script = `const { launch } = await import(${JSON.stringify(module)});
    await launch(${JSON.stringify(instance)}, ${JSON.stringify(supervisorOptions(instance))}, () => {}).ready;
    process.kill(process.pid, "SIGKILL");`;
  await execute(process.execPath, ["--input-type=module", "-e", script]).catch(() => {});
  await until(
    "it to be stopped",
    () => findRun(instance),
    (run) => run === undefined,
  );
  await assertNothingLeft(instance);
});

test("data outlives stop and start, and a second start of a running instance is refused", async (t) => {
  const instance = await ownInstance(t, "test-again");
  const start = () => launch(instance, supervisorOptions(instance), () => {});
  const first = start();
  await first.ready;
  const second = start();
  await assert.rejects(
    second.ready,
    (error: Error) => error instanceof StartFailed && /already running/.test(error.message),
  );
  const secrets = readFileSync(join(instance.directory, "secrets.json"), "utf8");
  first.stop();
  assert.equal(await first.ended, 0);
  const third = start();
  await third.ready;
  assert.equal(readFileSync(join(instance.directory, "secrets.json"), "utf8"), secrets);
  third.stop();
  await third.ended;
  await assertNothingLeft(instance);
});

test("a part that ends by itself is told with its log, and not started again", async (t) => {
  const instance = await ownInstance(t, "test-part");
  const told: string[] = [];
  const supervisor = launch(instance, supervisorOptions(instance), (message) => {
    if (message.kind === "part-ended") told.push(`${message.name}: ${message.how}`);
  });
  undoAfter(t, async () => {
    supervisor.stop();
    await supervisor.ended;
  });
  await supervisor.ready;
  const clouds = (await processesOf(instance)).find((line) => line.includes("clouds.ts"));
  process.kill(Number.parseInt(clouds?.trim() ?? "", 10), "SIGKILL");
  await until(
    "news of it",
    () => told,
    (news) => news.length > 0,
  );
  assert.deepEqual(told, ["Cloudflare and Stripe emulators: ended by SIGKILL"]);
  assert.match(findRun(instance)?.ended[0]?.log ?? "", /logs\/clouds\.log$/);
});

test("a start that is given up leaves nothing", async (t) => {
  const instance = await ownInstance(t, "test-given-up");
  const supervisor = launch(instance, supervisorOptions(instance), (message) => {
    if (message.kind === "step" && message.event.title === "Tenant host" && message.event.state === "started")
      supervisor.stop();
  });
  await assert.rejects(supervisor.ready, /interrupted/);
  await assertNothingLeft(instance);
});
