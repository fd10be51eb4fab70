import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { RESERVED } from "../../../automation/cloudflare/call-counts.ts";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";
import { requestTenant, tenantRow } from "./effects.ts";
import { callsMade, door } from "./emulator-doors.ts";
import { startWorkerProcess, type WorkerProcess } from "./worker-process.ts";

// Cloudflare's limit with two workers. Its window is 15 s here, so that a test sees several.
const WINDOW_SECONDS = 15;
const BUDGET = 24;
const LIMIT = 36;

let world: World;
let workers: WorkerProcess[] = [];
before(async () => {
  world = await startWorld({ serverSettings: { ROLE: "api" } });
});
after(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await world?.close();
});

async function restartWorkers(count: number, settings: Record<string, string>): Promise<void> {
  await Promise.all(workers.map((worker) => worker.stop()));
  workers = [];
  for (let n = 0; n < count; n += 1)
    workers.push(await startWorkerProcess(world, { SWEEP_SECONDS: "1", ENGINE_PARALLELISM: "2", ...settings }));
}

async function act(subdomain: string, method: string, action: string, body: object = {}): Promise<void> {
  const id = (await tenantRow(world, subdomain))?.id;
  const answer = await world.api(method, `/api/tenants/${id}${action}`, body);
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
}

async function untilConverged(subdomain: string, state: string): Promise<void> {
  await until(
    `${subdomain} to be ${state}`,
    () => tenantRow(world, subdomain),
    (row) => row?.state === state && row.observed_generation === row.generation,
    180_000,
  );
}

/** Of every operation since: nobody's may have failed, not even for a moment. */
async function failures(since: Date): Promise<unknown[]> {
  return await world.sql(
    `select o.kind, o.status, o.error, t.subdomain from operations o join tenant_deployments t on t.id = o.tenant_id
     where o.status in ('failed', 'stalled') and o.queued_at >= $1`,
    [since],
    "odoosaas",
  );
}

function delays(): number {
  return workers.flatMap((worker) => worker.log()).filter(({ kind }) => kind === "delayed").length;
}

test("each step of a tenant's life costs the budget what it calls, and reserves no less before it begins", async () => {
  await restartWorkers(1, {});
  const life: [keyof typeof RESERVED, string, () => Promise<void>][] = [
    ["provision", "active", () => requestTenant(world, "counted")],
    ["update", "active", () => act("counted", "PATCH", "", { plan_type: "business" })],
    ["suspend", "suspended", () => act("counted", "POST", "/suspend")],
    ["resume", "active", () => act("counted", "POST", "/resume")],
    ["delete", "deleted", () => act("counted", "DELETE", "")],
  ];
  for (const [step, state, begin] of life) {
    await door(world, "DELETE", "/__calls");
    await world.sql("delete from cloudflare_calls", [], "odoosaas");
    await begin();
    await untilConverged("counted", state);
    const made = await callsMade(world);
    const total = Object.values(made).reduce((sum, count) => sum + count, 0);
    const settled = await until(
      `the ${step} to be settled`,
      () =>
        world.sql<{ purpose: string; calls: number; settled: boolean }>(
          "select purpose, calls, counts_until < now() + interval '301 seconds' as settled from cloudflare_calls",
          [],
          "odoosaas",
        ),
      ([row]) => row?.settled === true,
    );
    assert.deepEqual(
      settled.map(({ purpose }) => purpose),
      [step],
    );
    const counted = settled[0]?.calls ?? 0;
    const told = `${step}: counted ${counted}, made ${JSON.stringify(made)}`;
    console.log(told);
    assert.ok(total > 0 && total <= RESERVED[step], told);
    // Nobody sees how often the drain asks: so many as fit into its time are counted.
    if (step === "delete") assert.ok(counted >= total && counted <= total + 2, told);
    else assert.equal(counted, total, told);
  }
});

test("at the limit two workers slow down: no tenant fails, and Cloudflare never has to refuse a call", async () => {
  const limit = { CLOUDFLARE_CALLS: String(BUDGET), CLOUDFLARE_WINDOW_SECONDS: String(WINDOW_SECONDS) };
  await restartWorkers(2, limit);
  await world.sql("delete from cloudflare_calls", [], "odoosaas");
  await door(world, "DELETE", "/__calls");
  await door(world, "PUT", "/__limit", { requests: LIMIT, windowSeconds: WINDOW_SECONDS });
  const since = new Date();
  const names = Array.from({ length: 8 }, (_, n) => `slow-${n}`);
  await Promise.all(names.map((name) => requestTenant(world, name)));
  await Promise.all(names.map((name) => untilConverged(name, "active")));

  const { refused } = await door<{ refused: number }>(world, "GET", "/__limit");
  const made = Object.values(await callsMade(world)).reduce((sum, count) => sum + count, 0);
  console.log(`${made} calls in ${(Date.now() - since.getTime()) / 1_000} s, ${delays()} delays`);
  assert.equal(refused, 0);
  assert.ok(made > LIMIT, `only ${made} calls: the limit was never near`);
  assert.ok(delays() > 0, "nobody had to wait");
  assert.deepEqual(await failures(since), []);
  for (const name of names) assert.equal((await world.visit(name, "/web/login")).status, 200);
});

test("while Cloudflare blocks every call all wait, new tenants and old, and go on when it ends", async () => {
  await until(
    "the budget to have room again",
    () => world.sql<{ calls: number }>("select calls from cloudflare_calls where counts_until > now()", [], "odoosaas"),
    (rows) => rows.length === 0,
  );
  await door(world, "PUT", "/__limit", { requests: LIMIT, windowSeconds: WINDOW_SECONDS });
  await world.cloudflare.zones.list(); // a token that has not called is not blocked
  await door(world, "POST", "/__limit/block", { seconds: 25 });
  const since = new Date();
  await Promise.all([
    requestTenant(world, "blocked-0"),
    requestTenant(world, "blocked-1"),
    act("slow-0", "POST", "/suspend"),
  ]);
  const waiting = await until(
    "a new tenant to wait",
    () => tenantRow(world, "blocked-0"),
    (row) => row?.state_reason === "cloudflare-limit",
    20_000,
  );
  assert.match(waiting?.state ?? "", /^(pending|provisioning)$/);
  await Promise.all([
    untilConverged("blocked-0", "active"),
    untilConverged("blocked-1", "active"),
    untilConverged("slow-0", "suspended"),
  ]);
  assert.ok(Date.now() - since.getTime() >= 24_000, "the block was not in force");
  await act("slow-0", "POST", "/resume");
  await untilConverged("slow-0", "active");
  assert.deepEqual(await failures(since), []);
  const { refused } = await door<{ refused: number }>(world, "GET", "/__limit");
  assert.ok(refused > 0 && refused <= 6, `${refused} calls were refused: they did not leave Cloudflare alone`);
  for (const name of ["blocked-0", "blocked-1", "slow-0"])
    assert.equal((await world.visit(name, "/web/login")).status, 200);
});
