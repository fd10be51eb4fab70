import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";
import { assertAuditHolds, presence, requestTenant, tenantRow, wholeTenant } from "./effects.ts";
import { processesOf, signalIfThere, startWorkerProcess, type WorkerProcess } from "./worker-process.ts";

// A worker that is frozen in the middle of an update (a paused machine, a stopped process) until another has its work,
// and that then wakes up as if nothing had happened.
let world: World;
const workers: WorkerProcess[] = [];
before(async () => {
  world = await startWorld({ serverSettings: { ROLE: "api" } });
});
after(async () => {
  for (const worker of workers) {
    signalIfThere(worker.pid, "SIGCONT");
    await worker.stop();
  }
  await world?.close();
});

async function start(host?: string): Promise<WorkerProcess> {
  const worker = await startWorkerProcess(world, {}, host);
  workers.push(worker);
  return worker;
}

async function untilActive(subdomain: string, by: WorkerProcess): Promise<void> {
  await until(
    `${subdomain} to be active`,
    () => tenantRow(world, subdomain),
    (row) => row?.state === "active" && row.observed_generation === row.generation,
    150_000,
  );
  const operations = await operationsOf(subdomain);
  assert.equal(operations.at(-1)?.["worker"], by.name);
}

async function operationsOf(subdomain: string): Promise<Record<string, unknown>[]> {
  return await world.sql(
    `select o.* from operations o join tenant_deployments t on t.id = o.tenant_id where t.subdomain = $1 order by o.id`,
    [subdomain],
    "odoosaas",
  );
}

/** All that a worker without the right to it must not change. */
async function everything(subdomain: string): Promise<object> {
  const { ports } = world.sandbox.instance;
  const calls = await fetch(`http://127.0.0.1:${ports.cloudflare}/__calls`);
  return {
    rows: await world.sql("select * from tenant_deployments where subdomain = $1", [subdomain], "odoosaas"),
    operations: await operationsOf(subdomain),
    audit: await world.sql("select count(*) from audit_log", [], "odoosaas"),
    state: await world.sql(
      "select key, md5(data::text), updated_at from pulumi_state where key like $1 order by key",
      [`%/${subdomain}%`],
      "pulumi",
    ),
    cloudflare: await calls.json(),
    units: await world.host.ok(
      `systemctl show cloudflared-${subdomain}-tunnel -p ActiveEnterTimestampMonotonic; find /etc/systemd/system /etc/pgbouncer/tenants.d -name '*${subdomain}*' -printf '%p %T@\\n'`,
    ),
  };
}

for (const { subdomain, what, all, host } of [
  { subdomain: "server-only", what: "only the server's process", all: false, host: undefined },
  { subdomain: "with-engine", what: "with its engine, and the other on the same machine", all: true, host: undefined },
  {
    subdomain: "whole-machine",
    what: "with its engine, and the other on another machine",
    all: true,
    host: "elsewhere",
  },
]) {
  test(`frozen until another has taken over, ${what}: it awakes without a right, and goes on with others`, async (t) => {
    const sleeper = await start();
    await requestTenant(world, subdomain);
    await until(
      "the script in Odoo's host to run",
      async () =>
        await world.sql(
          `select 1 from operation_events e join operations o on o.id = e.operation_id join tenant_deployments t on t.id = o.tenant_id
           where t.subdomain = $1 and e.body::text like '%odoo-script%'`,
          [subdomain],
          "odoosaas",
        ),
      (rows) => rows.length > 0,
      30_000,
    );
    const engine = processesOf(sleeper.sessions());
    assert.ok(engine.some(({ command }) => /\bpulumi up\b/.test(command)));
    const sessions = sleeper.sessions();
    t.after(() => engine.forEach(({ pid }) => signalIfThere(pid, "SIGCONT")));
    sleeper.signal("SIGSTOP");
    if (all) for (const { pid } of engine) signalIfThere(pid, "SIGSTOP");

    const other = await start(host);
    await untilActive(subdomain, other);
    if (!all) assert.deepEqual(processesOf(sessions), [], "the engine outlived its server's lease");
    assert.deepEqual(await presence(world, subdomain), wholeTenant("active"));
    const before_ = await everything(subdomain);

    // In the worst order: what could still do harm awakes first.
    for (const { pid } of engine.filter(({ command }) => !command.includes("guard.sh"))) signalIfThere(pid, "SIGCONT");
    if (all) await setTimeout(1_000); // not a wait for something: a time in which nothing may happen
    for (const { pid } of engine) signalIfThere(pid, "SIGCONT");
    sleeper.signal("SIGCONT");
    await until(
      "the worker to notice that its right is gone",
      () => sleeper.log().filter(({ msg, kind }) => msg === "reconcile" && kind === "fenced"),
      (lines) => lines.length === 1,
      20_000,
    );
    await until(
      "its engine to end",
      () => processesOf(sessions),
      (left) => left.length === 0,
      20_000,
    );
    assert.deepEqual(await everything(subdomain), before_);

    await other.stop();
    await requestTenant(world, `${subdomain}-2`);
    await untilActive(`${subdomain}-2`, sleeper);
    const id = (await tenantRow(world, subdomain))?.id;
    assert.equal((await world.api("POST", `/api/tenants/${id}/suspend`, {})).status, 202);
    await until(
      `${subdomain} to be suspended`,
      () => tenantRow(world, subdomain),
      (row) => row?.state === "suspended",
    );
    assert.deepEqual(await presence(world, subdomain), wholeTenant("suspended"));
    await sleeper.stop();
    await assertAuditHolds(world);
  });
}
