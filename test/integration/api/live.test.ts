import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Caller } from "../../../automation/api/auth/caller.ts";
import { StreamSlots } from "../../../automation/api/http/event-stream.ts";
import { ApiError } from "../../../automation/api/problem.ts";
import { until } from "../../until.ts";
import { startTestApi, type TestApi } from "./fixture.ts";

interface Live {
  readonly status: number;
  readonly type: string | null;
  /** Everything that came so far. */
  readonly text: () => string;
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<void>;
  readonly leave: () => void;
}

async function follow(api: TestApi, path: string, headers: Record<string, string> = {}): Promise<Live> {
  const leaving = new AbortController();
  const response = await fetch(`${api.url}${path}`, {
    headers: { authorization: `Bearer ${await api.token()}`, accept: "text/event-stream", ...headers },
    signal: leaving.signal,
  });
  let text = "";
  const read = async (): Promise<void> => {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk;
  };
  const ended = read().catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error;
  });
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    text: () => text,
    ended,
    leave: () => leaving.abort(),
  };
}

async function withOperation(
  t: Parameters<typeof startTestApi>[0],
  more: Parameters<typeof startTestApi>[1] = {},
): Promise<TestApi> {
  const api = await startTestApi(t, more);
  await api.call("POST", "/api/tenants", { body: { subdomain: "acme", plan_type: "shared" } });
  return api;
}

/** Waits until this many of the host's commands are open. */
async function untilFollowed(api: TestApi, commands: number): Promise<void> {
  await until(
    `${commands} logs to be followed on the host`,
    () => api.connectors.following,
    (open) => open === commands,
    5_000,
  );
}

test("a stream is opened by no HEAD, which could never read it", async (t) => {
  const api = await withOperation(t);
  const headers = { authorization: `Bearer ${await api.token()}`, accept: "text/event-stream" };
  for (const path of ["/api/operations/1/events", "/api/tunnels/acme-tunnel/logs?follow=true"]) {
    const answer = await fetch(`${api.url}${path}`, { method: "HEAD", headers });
    assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "application/json; charset=utf-8"]);
  }
});

test("an operation is watched as it happens, to its end", async (t) => {
  const api = await withOperation(t);
  api.tenants.emit(1, "phase", { name: "engine" });
  const live = await follow(api, "/api/operations/1/events");
  assert.deepEqual([live.status, live.type], [200, "text/event-stream; charset=utf-8"]);
  await until("the event from before", live.text, (text) => text.includes('"engine"'), 5_000);
  api.tenants.emit(1, "resource", { urn: "tunnel\nwith a line break" });
  await until("the event that came meanwhile", live.text, (text) => text.includes("tunnel"), 5_000);
  api.tenants.emit(1, "finished", { status: "succeeded" });
  api.tenants.finish(1, "succeeded");
  await live.ended;
  const events = live
    .text()
    .split("\n\n")
    .filter((part) => part.startsWith("id:"));
  assert.deepEqual(
    events.map((event) => event.split("\n")[0]),
    ["id: 1", "id: 2", "id: 3"],
  );
  assert.deepEqual(
    events.map((event) => event.split("\n")[1]),
    ["event: phase", "event: resource", "event: finished"],
  );
  assert.deepEqual(
    events.map((event) => event.split("\n").length),
    [3, 3, 3],
    "a line break inside an event does not break it",
  );
});

test("a watcher that reconnects goes on after the last event it saw", async (t) => {
  const api = await withOperation(t);
  for (const name of ["one", "two", "three"]) api.tenants.emit(1, "phase", { name });
  api.tenants.finish(1, "succeeded");
  const live = await follow(api, "/api/operations/1/events", { "last-event-id": "2" });
  await live.ended;
  assert(!live.text().includes("two") && live.text().includes("three"));
});

const inASecond = (): Date => new Date(Date.now() + 1_000);

test("a stream ends with the token that it was asked for with", async (t) => {
  const verify = async (): Promise<Caller> => ({ subject: "ada", role: "operator", expiresAt: inASecond() });
  const api = await withOperation(t, { verify });
  const live = await follow(api, "/api/operations/1/events");
  assert.equal(live.status, 200);
  const ended = await Promise.race([live.ended.then(() => true), setTimeout(8_000, false, { ref: false })]);
  live.leave();
  assert.ok(ended);
  assert.match(live.text(), /event: expired\ndata: [^\n]+\n\n$/);
});

test("without a stream an operation tells what it has said so far, from the database", async (t) => {
  const api = await withOperation(t);
  await api.database.query(
    "insert into tenant_deployments (container_id, subdomain, plan_type, customer_email) values (105, 'acme', 'shared', 'a@b.example')",
  );
  await api.database.query(
    "insert into operations (tenant_id, kind, generation, requested_by) values (1, 'provision', 1, 'user:me')",
  );
  await api.database.query(
    `insert into operation_events (operation_id, sequence, kind, body) values (1, 1, 'phase', '{"name": "engine"}'), (1, 2, 'summary', '{}')`,
  );
  const { at } = await api.call("GET", "/api/operations/1/events?after=0", { role: "viewer" });
  assert.deepEqual(at("events.*.kind"), ["phase", "summary"]);
  assert.deepEqual((await api.call("GET", "/api/operations/1/events?after=1")).at("events.*.kind"), ["summary"]);
  assert.equal((await api.call("GET", "/api/operations/9/events")).status, 404);
  const list = await api.call("GET", "/api/operations?kind=provision,update&status=queued&tenant_id=1");
  assert.deepEqual(list.at("operations.*.requested_by"), ["user:me"]);
  assert.deepEqual((await api.call("GET", "/api/operations?status=failed")).at("operations"), []);
});

test("a request that waits for an operation is answered when it ends", async (t) => {
  const api = await withOperation(t);
  const waiting = api.call("GET", "/api/operations/1", { headers: { prefer: "wait=5" } });
  api.tenants.finish(1, "succeeded", { changes: { create: 9 }, timings: { engineMs: 450 } });
  const { at, headers } = await waiting;
  assert.deepEqual(
    [at("operation.status"), at("operation.seconds"), at("operation.changes")],
    ["succeeded", 1.5, { create: 9 }],
  );
  assert.equal(headers.get("preference-applied"), "wait=5");
});

test("a connector's log is followed, and let go when the reader leaves", async (t) => {
  const api = await withOperation(t);
  const cursor = "s=0a;i=1;b=2f;m=3;t=4;x=5";
  api.connectors.entries = [{ cursor, at: new Date(0), priority: 6, message: "Registered tunnel connection" }];
  for (const [path, headers] of [
    ["?follow=true&lines=5", { accept: "*/*" }],
    ["?lines=5", {}],
  ] as const) {
    const live = await follow(api, `/api/tunnels/acme-tunnel/logs${path}`, headers);
    await until("the last line", live.text, (text) => text.includes("Registered"), 5_000);
    assert(live.text().startsWith(`id: ${cursor}\nevent: line\n`));
    assert.equal(api.connectors.following, 1);
    live.leave();
    await untilFollowed(api, 0);
  }
});

test("only a cursor of systemd's own making is passed to the host", async (t) => {
  const api = await withOperation(t);
  for (const [id, passed] of [
    ["s=0a;i=1", "s=0a;i=1"],
    ["'; reboot #", undefined],
    ["$(reboot)", undefined],
  ] as const) {
    const live = await follow(api, "/api/tunnels/acme-tunnel/logs", { "last-event-id": id });
    await untilFollowed(api, 1);
    assert.equal(api.connectors.asked.at(-1)?.cursor, passed);
    live.leave();
    await untilFollowed(api, 0);
  }
});

test("a stream that cannot begin says why and ends", async (t) => {
  const api = await withOperation(t);
  // oxlint-disable-next-line require-yield
  api.connectors.follow = async function* () {
    throw new ApiError(502, "HostUnreachable", "Host unreachable", "Host 105 does not answer over SSH.");
  };
  const live = await follow(api, "/api/tunnels/acme-tunnel/logs");
  await live.ended.catch(() => {});
  assert.match(live.text(), /event: error\ndata: \{"detail":"Host 105 does not answer over SSH\."\}/);
});

test("live streams end when the server stops, and there are only so many", async (t) => {
  const api = await withOperation(t, { streams: new StreamSlots(1) });
  const live = await follow(api, "/api/tunnels/acme-tunnel/logs");
  await untilFollowed(api, 1);
  const second = await api.call("GET", "/api/tunnels/acme-tunnel/logs?follow=true");
  assert.deepEqual([second.status, second.at("type")], [503, "/problems/TooManyStreams"]);
  api.shutdown.abort();
  await live.ended;
  assert.equal((await api.call("GET", "/readyz")).status, 503);
});
