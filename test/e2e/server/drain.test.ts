import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";
import { assertAuditHolds, presence, requestTenant, tenantRow, wholeTenant } from "./effects.ts";
import { door } from "./emulator-doors.ts";
import { processesOf, startWorkerProcess, type WorkerProcess } from "./worker-process.ts";

// A worker that is told to stop (SIGTERM) in the middle of an update: a release, a machine that restarts.
let world: World;
const workers: WorkerProcess[] = [];
before(async () => {
  world = await startWorld({ serverSettings: { ROLE: "api" } });
});
after(async () => {
  for (const worker of workers) await worker.stop();
  await world?.close();
});

async function start(settings: Record<string, string>): Promise<WorkerProcess> {
  const worker = await startWorkerProcess(world, settings);
  workers.push(worker);
  return worker;
}

/** Makes a tenant whose tunnel takes so long at Cloudflare, and stops the worker while it waits for that. */
async function stoppedAtTheTunnel(worker: WorkerProcess, subdomain: string, ms: number): Promise<void> {
  const slow = { method: "POST", path: "/accounts/*/cfd_tunnel", times: 1, effect: { kind: "latency", ms } };
  await door(world, "POST", "/__faults", slow);
  await requestTenant(world, subdomain);
  await until(
    "the tunnel to be asked for",
    async () =>
      await world.sql(
        `select 1 from operation_events e join operations o on o.id = e.operation_id join tenant_deployments t on t.id = o.tenant_id
         where t.subdomain = $1 and e.body->>'step' = 'begin' and e.body::text like '%ZeroTrustTunnelCloudflared::%'`,
        [subdomain],
        "odoosaas",
      ),
    (rows) => rows.length > 0,
    30_000,
  );
  const sessions = worker.sessions();
  assert.ok(processesOf(sessions).some(({ command }) => /\bpulumi up\b/.test(command)));
  worker.signal("SIGTERM");
  await until(
    "the worker's end",
    () => worker.ended,
    (how) => how !== undefined,
    40_000,
  );
  assert.equal(worker.ended, "exited with 0");
  assert.deepEqual(processesOf(sessions), [], "no process of it is left");
  assert.ok(worker.log().some(({ msg }) => msg === "stopped"));
}

async function operationsOf(subdomain: string): Promise<{ status: string; error: string | null; worker: string }[]> {
  return await world.sql(
    `select o.status, o.error, o.worker from operations o join tenant_deployments t on t.id = o.tenant_id
     where t.subdomain = $1 order by o.id`,
    [subdomain],
    "odoosaas",
  );
}

test("a worker that is told to stop ends what it has begun, and begins nothing more", async () => {
  const worker = await start({ DRAIN_SECONDS: "60" });
  const stopped = stoppedAtTheTunnel(worker, "patient", 4_000);
  await until(
    "the order to stop",
    () => worker.log(),
    (lines) => lines.some(({ msg }) => typeof msg === "string" && msg.startsWith("stopping")),
    40_000,
  );
  await requestTenant(world, "too-late");
  await stopped;
  assert.deepEqual(await presence(world, "patient"), wholeTenant("active"));
  assert.deepEqual(
    (await operationsOf("patient")).map(({ status }) => status),
    ["succeeded"],
  );
  assert.equal((await tenantRow(world, "too-late"))?.state, "pending");
});

test("what does not end in time is stopped in order, at no cost to the tenant, and the next worker completes it", async () => {
  const worker = await start({ DRAIN_SECONDS: "1" });
  await until(
    "the tenant that was left waiting",
    () => tenantRow(world, "too-late"),
    (row) => row?.state === "active",
  );
  await stoppedAtTheTunnel(worker, "hurried", 6_000);
  const [row] = await world.sql(
    "select state, state_reason, attempts, strikes, lease_until from tenant_deployments where subdomain = 'hurried'",
    [],
    "odoosaas",
  );
  assert.deepEqual(row, {
    state: "provisioning",
    state_reason: "interrupted",
    attempts: 0,
    strikes: 0,
    lease_until: null,
  });
  // Cloudflare carries the request out though nobody waits for its answer any more: the next worker has to adopt the
  // tunnel. (Before that the name is free and soon taken, a clash that the provider tries again for minutes.)
  const left = await until(
    "Cloudflare to make what it was asked for",
    () => presence(world, "hurried"),
    ({ tunnels }) => tunnels === 1,
    20_000,
  );
  assert.deepEqual([left.locks, left.pending], [0, []]);

  const next = await start({});
  await until(
    "the tenant to be completed",
    () => tenantRow(world, "hurried"),
    (seen) => seen?.state === "active",
    60_000,
  );
  assert.deepEqual(await presence(world, "hurried"), wholeTenant("active"));
  assert.deepEqual(
    (await operationsOf("hurried")).map(({ status, error, worker: by }) => [status, error, by]),
    [
      ["superseded", "interrupted: the worker shut down in the middle of it", worker.name],
      ["succeeded", null, next.name],
    ],
  );
  await assertAuditHolds(world);
});
