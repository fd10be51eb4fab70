import assert from "node:assert/strict";
import { test } from "node:test";
import { recordAudit } from "../../../automation/audit/record.ts";
import { TunnelHealth } from "../../../automation/metrics/tunnel-health.ts";
import { startTestApi } from "./fixture.ts";

test("the dashboard's figures are those of tenants, operations, queue and probes", async (t) => {
  const tunnelHealth = new TunnelHealth({
    targets: async () =>
      ["a", "b", "c"].map((key) => ({ key, url: `https://${key}.example.com`, path: "/", expectStatus: 200 })),
    probe: async ({ key }) =>
      key === "c"
        ? { ok: false, ms: 5, status: 530, problem: "no connector" }
        : { ok: true, ms: key === "a" ? 10 : 21, status: 200, problem: undefined },
  });
  await tunnelHealth.round();
  const api = await startTestApi(t, { tunnelHealth });
  for (const subdomain of ["acme", "beta"])
    await api.call("POST", "/api/tenants", { body: { subdomain, plan_type: "shared" } });
  api.tenants.finish(1, "succeeded");
  api.queue.paused = true;
  await api.database.query(`
    insert into tenant_deployments (container_id, subdomain, plan_type, customer_email, created_at, ready_at)
    select 105, name, 'shared', 'a@b.example', now() - age, now() - age + took
    from (values ('acme', interval '1 hour', interval '2 s'), ('beta', interval '1 hour', interval '4 s'),
      ('long-ago', interval '1 year', interval '99 s'), ('not-yet', interval '1 minute', null)) as t(name, age, took)`);
  // The first tenant's second try took less than a second: what counts is what its customer waited.
  await api.database
    .query(`insert into operations (tenant_id, kind, generation, requested_by, status, queued_at, finished_at)
    select 1, kind, 1, 'stripe', status, now() - make_interval(secs => seconds), now()
    from (values ('provision', 'succeeded', 0.5), ('provision', 'failed', 9), ('update', 'succeeded', 50)) as o(kind, status, seconds)`);
  const { at } = await api.call("GET", "/api/dashboard/metrics", { role: "viewer" });
  assert.deepEqual(at("tenants"), { total: 2, by_state: { active: 1, pending: 1 } });
  assert.deepEqual(at("tunnel_health"), { total: 3, active: 2, error: 1, avg_latency_ms: 15.5 });
  assert.deepEqual([at("provisioning.count"), at("provisioning.p50_seconds")], [2, 3]);
  assert.deepEqual(at("failures"), { last_24_hours: 1, tenants: 0 });
  assert.deepEqual(at("queue"), { waiting: 2, deferred: 1, active: 1, dead: 0, paused: true });
});

test("plans are those of the platform's configuration", async (t) => {
  const api = await startTestApi(t);
  assert.deepEqual((await api.call("GET", "/api/plans", { role: "viewer" })).at("plans"), [
    { id: "shared", connection_limit: 20, modules: [] },
    { id: "dedicated", connection_limit: 50, modules: ["crm"] },
  ]);
});

test("received events are listed, read whole by operators, and handled again on demand", async (t) => {
  const api = await startTestApi(t);
  await api.database
    .query(`insert into stripe_events (id, type, api_version, livemode, created_at, received_at, subscription_id, body, outcome, handled_at)
    select 'evt_' || n, case n % 2 when 0 then 'invoice.paid' else 'customer.subscription.updated' end, '2026-10-28.endive', false,
      now(), '2026-03-02T10:00:00.123456Z'::timestamptz + make_interval(secs => n / 2), 'sub_' || n, '{"customer_email": "boss@acme.example"}',
      case when n > 1 then 'applied' end, case when n > 1 then now() end
    from generate_series(1, 5) as n`);
  const first = await api.call("GET", "/api/events?limit=2", { role: "viewer" });
  assert.deepEqual(first.at("events.*.id"), ["evt_5", "evt_4"]);
  assert(!JSON.stringify(first.body).includes("boss@acme.example"));
  const second = await api.call("GET", `/api/events?limit=2&cursor=${String(first.at("next_cursor"))}`);
  assert.deepEqual(second.at("events.*.id"), ["evt_3", "evt_2"]);
  const third = await api.call("GET", `/api/events?limit=2&cursor=${String(second.at("next_cursor"))}`);
  assert.deepEqual([third.at("events.*.id"), third.at("next_cursor")], [["evt_1"], null]);
  assert.deepEqual((await api.call("GET", "/api/events?outcome=unhandled")).at("events.*.id"), ["evt_1"]);
  assert.deepEqual((await api.call("GET", "/api/events?type=invoice.paid&outcome=applied")).at("events.*.id"), [
    "evt_4",
    "evt_2",
  ]);
  assert.deepEqual((await api.call("GET", "/api/events?subscription_id=sub_3")).at("events.*.id"), ["evt_3"]);
  assert.equal((await api.call("GET", "/api/events?cursor=bm9uc2Vuc2U")).status, 400);
  assert.deepEqual((await api.call("GET", "/api/events/evt_3", { role: "operator" })).at("event.body"), {
    customer_email: "boss@acme.example",
  });
  assert.equal((await api.call("GET", "/api/events/evt_9")).status, 404);

  const replay = await api.call("POST", "/api/events/evt_3/replay", { role: "operator" });
  assert.equal(replay.status, 202);
  assert.deepEqual(
    [replay.at("event.outcome"), replay.at("event.handled_at")],
    [null, null],
    "it waits to be handled again",
  );
  assert.deepEqual(api.queue.events, ["evt_3"]);
  await api.database.query("update stripe_events set subscription_id = null where id = 'evt_4'");
  assert.equal((await api.call("POST", "/api/events/evt_4/replay")).status, 409);
  assert.deepEqual((await api.call("GET", "/api/audit?action=event.replay")).at("lines.*.subject_id"), ["evt_3"]);
});

test("what waits for a person is shown until it is done, by whom and once", async (t) => {
  const api = await startTestApi(t);
  await api.database.query(
    `insert into operator_tasks (kind, subscription_id, detail, remedy) select 'subdomain-taken', 'sub_' || n, 'acme is taken', 'Choose a name.' from generate_series(1, 3) as n`,
  );
  const open = await api.call("GET", "/api/tasks?limit=2", { role: "viewer" });
  assert.deepEqual([open.at("tasks.*.id"), open.at("next_cursor")], [[3, 2], "2"]);
  assert.deepEqual((await api.call("GET", "/api/tasks?limit=2&cursor=2")).at("tasks.*.id"), [1]);
  const done = await api.call("POST", "/api/tasks/2/resolve", { role: "operator" });
  assert.equal(done.at("task.resolved_by"), "user:tester");
  const again = await api.call("POST", "/api/tasks/2/resolve", { token: await api.token("operator", "somebody-else") });
  assert.deepEqual([again.status, again.at("task.resolved_by")], [200, "user:tester"]);
  assert.deepEqual((await api.call("GET", "/api/tasks")).at("tasks.*.id"), [3, 1]);
  assert.deepEqual((await api.call("GET", "/api/tasks?resolved=true")).at("tasks.*.id"), [2]);
  assert.deepEqual((await api.call("GET", "/api/tasks?resolved=all&kind=subdomain-taken")).at("tasks.*.id"), [3, 2, 1]);
  assert.equal((await api.call("POST", "/api/tasks/99/resolve")).status, 404);
  assert.equal(((await api.call("GET", "/api/audit?action=task.resolve")).at("lines") as unknown[]).length, 1);
});

test("the queue is watched, paused and gone on with, and its dead letters are tried again", async (t) => {
  const api = await startTestApi(t);
  api.queue.dead = [{ id: "d1", queue: "reconcile", data: { tenantId: 1 }, failedAt: new Date(0), error: undefined }];
  const { at } = await api.call("GET", "/api/queue", { role: "viewer" });
  assert.deepEqual(
    [at("paused"), at("depth.dead"), at("dead_letters.*.id"), at("dead_letters.*.error")],
    [false, 1, ["d1"], [null]],
  );
  assert.equal((await api.call("POST", "/api/queue/pause")).at("paused"), true);
  const paused = await api.call("GET", "/api/queue");
  assert.deepEqual([paused.at("paused"), paused.at("paused_until")], [true, null]);
  assert.equal((await api.call("POST", "/api/queue/pause", { body: { seconds: 60 } })).status, 200);
  assert.match(String((await api.call("GET", "/api/queue")).at("paused_until")), /^\d{4}-/);
  assert.equal((await api.call("POST", "/api/queue/pause", { body: { seconds: 1 } })).status, 422);
  assert.equal((await api.call("POST", "/api/queue/unpause")).at("paused"), false);
  assert.equal((await api.call("POST", "/api/queue/dead-letters/d1/retry", { role: "operator" })).status, 202);
  assert.equal((await api.call("POST", "/api/queue/dead-letters/d1/retry")).status, 404);
  assert.deepEqual((await api.call("GET", "/api/audit?subject_type=queue")).at("lines.*.action"), [
    "queue.retry",
    "queue.unpause",
    "queue.pause",
    "queue.pause",
  ]);
});

test("the audit log is read by filter and page, and checked line by line", async (t) => {
  const api = await startTestApi(t);
  for (const [actor, action] of [
    ["user:ada", "tenant.suspend"],
    ["stripe", "tenant.change"],
    ["user:ada", "tenant.resume"],
  ] as const) {
    await api.database.transaction((tx) =>
      recordAudit(tx, { actor, action, subjectType: "tenant", subjectId: "7", after: { wanted: "active" } }),
    );
  }
  const page = await api.call("GET", "/api/audit?limit=2", { role: "operator" });
  assert.deepEqual([page.at("lines.*.id"), page.at("next_cursor")], [[3, 2], "2"]);
  assert.deepEqual((await api.call("GET", "/api/audit?limit=2&cursor=2")).at("lines.*.id"), [1]);
  assert.deepEqual((await api.call("GET", "/api/audit?actor=user:ada&subject_id=7")).at("lines.*.action"), [
    "tenant.resume",
    "tenant.suspend",
  ]);
  assert.deepEqual((await api.call("GET", "/api/audit?until=2020-01-01T00:00:00Z")).at("lines"), []);
  assert.equal((await api.call("GET", "/api/audit?since=yesterday")).status, 400);
  const good = await api.call("GET", "/api/audit/verify");
  assert.deepEqual(
    [good.at("valid"), good.at("lines"), good.at("head.id"), good.at("first_broken")],
    [true, 3, 3, null],
  );
  const head = `4:${"0".repeat(64)}`;
  assert.deepEqual((await api.call("GET", `/api/audit/verify?head=${head}`)).at("first_broken"), {
    id: 4,
    problem: "is missing from the end",
  });
});

test("ready means that everything it needs answers, and says no more", async (t) => {
  let fine = true;
  const api = await startTestApi(t, {
    readiness: [
      {
        name: "queue",
        check: async () => {
          if (!fine) throw new Error("no connection to 10.0.0.7");
        },
      },
    ],
  });
  const ready = await api.call("GET", "/readyz", { token: null });
  assert.deepEqual([ready.status, ready.at("status"), ready.at("checks.queue.ok")], [200, "ready", true]);
  fine = false;
  const not = await api.call("GET", "/readyz", { token: null });
  assert.deepEqual([not.status, not.at("status"), not.at("checks.queue.ok")], [503, "not ready", false]);
  assert(!JSON.stringify(not.body).includes("10.0.0.7"));
  assert.equal((await api.call("GET", "/healthz", { token: null })).status, 200);
});

test("metrics have the documented names, and no series for each path", async (t) => {
  const api = await startTestApi(t);
  await api.call("POST", "/api/tenants", { body: { subdomain: "acme", plan_type: "shared" } });
  for (const id of [1, 2, 3]) await api.call("GET", `/api/tenants/${id}`);
  const { body, headers } = await api.call("GET", "/metrics", { role: "viewer" });
  const text = String(body);
  assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  for (const line of [
    'odoosaas_tenants{state="pending"} 1',
    'odoosaas_queue_jobs{state="waiting"} 2',
    'odoosaas_tunnel_health{state="active"} 0',
    "odoosaas_operator_tasks_open 0",
    'odoosaas_cloudflare_calls{purpose="provision"} 8',
    "odoosaas_cloudflare_calls_limit 1000",
    "odoosaas_cloudflare_pause_seconds 0",
    "odoosaas_cloudflare_delayed_tenants 0",
    'odoosaas_http_request_duration_seconds_count{method="GET",route="/api/tenants/{id}",status="200"} 1',
    'odoosaas_http_request_duration_seconds_count{method="GET",route="/api/tenants/{id}",status="404"} 2',
  ]) {
    assert(text.includes(line), `${line} is missing`);
  }
  assert(!text.includes("/api/tenants/2"));

  await api.database.query(
    "insert into tenant_deployments (container_id, subdomain, plan_type, customer_email, created_at) values (105, 'acme', 'shared', 'a@b.example', now() - interval '40 s')",
  );
  await api.database.query(
    "insert into operations (tenant_id, kind, generation, requested_by, status, finished_at) values (1, 'provision', 1, 'worker', 'succeeded', now() + interval '1 s')",
  );
  const later = String((await api.call("GET", "/metrics", { role: "viewer" })).body);
  assert.match(later, /\nodoosaas_provisioning_seconds_sum 41\.?\d*\n/, "with the tries that had failed");
  assert.match(later, /\nodoosaas_provisioning_seconds_count 1\n/);
});
