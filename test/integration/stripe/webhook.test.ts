import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import express, { type NextFunction, type Request, type Response } from "express";
import { Stripe } from "stripe";
import { toProblem } from "../../../automation/api/problem.ts";
import type { Database } from "../../../automation/db/database.ts";
import { webhookRoute } from "../../../automation/stripe/webhook.ts";
import { filePostgres, freshDatabase } from "../../database.ts";
import { until } from "../../until.ts";
import { QueueDouble } from "./queue-double.ts";

const OLD_SECRET = "whsec_old";
const NEW_SECRET = "whsec_new";

suite("Stripe's webhook", () => {
  let database: Database;
  let queue: QueueDouble;
  let url = "";
  let server: ReturnType<express.Express["listen"]>;

  before(async () => {
    database = await freshDatabase();
    queue = await QueueDouble.create(database);
    const app = express();
    app.use(webhookRoute({ database, queue, settings: { webhookSecrets: [OLD_SECRET, NEW_SECRET], livemode: false } }));
    app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
      const { problem, headers } = toProblem(error, "request-1");
      res.status(problem.status).set(headers).type("application/problem+json").send(JSON.stringify(problem));
    });
    server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook/stripe`;
  });
  after(async () => {
    server.close();
    server.closeAllConnections();
    await database.end();
  });
  beforeEach(async () => {
    await database.query("truncate stripe_events");
    await queue.take("stripe-event");
  });

  const body = (change: Record<string, unknown> = {}): string =>
    JSON.stringify({
      id: "evt_1",
      object: "event",
      type: "customer.subscription.updated",
      api_version: "2026-10-28.endive",
      livemode: false,
      created: 1_790_000_000,
      data: { object: { id: "sub_1", object: "subscription" } },
      ...change,
    });
  const send = (payload: string, signature: string | undefined): Promise<globalThis.Response> =>
    fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json; charset=utf-8",
        ...(signature === undefined ? {} : { "stripe-signature": signature }),
      },
      body: payload,
    });
  const signed = (payload: string, secret = NEW_SECRET, age = 0): string =>
    Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp: Math.floor(Date.now() / 1000) - age });
  const stored = async (): Promise<Record<string, unknown>[]> =>
    (
      await database.query(
        "select id, type, subscription_id, outcome, detail, handled_at is not null as handled from stripe_events order by id",
      )
    ).rows;

  test("a signed event is stored and queued, and answered at once", async () => {
    const response = await send(body(), signed(body()));
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { received: true });
    assert.deepEqual(await stored(), [
      {
        id: "evt_1",
        type: "customer.subscription.updated",
        subscription_id: "sub_1",
        outcome: null,
        detail: null,
        handled: false,
      },
    ]);
    assert.deepEqual(await queue.take("stripe-event"), ["evt_1"]);
  });

  test("a repeated event answers 200 and does nothing, even many at once", async () => {
    const payload = body();
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(payload, signed(payload))));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal((await stored()).length, 1);
    assert.deepEqual(await queue.take("stripe-event"), ["evt_1"]);
  });

  test("any of several secrets may have signed, as during a rotation", async () => {
    const both = `${signed(body(), "whsec_unknown")},${signed(body(), OLD_SECRET).split(",")[1] ?? ""}`;
    for (const signature of [signed(body(), OLD_SECRET), signed(body(), NEW_SECRET), both]) {
      assert.equal((await send(body(), signature)).status, 200, signature);
    }
  });

  test("a wrong, missing, old or broken signature is a problem of status 400, and nothing is stored", async () => {
    const cases: readonly [string, string | undefined, RegExp][] = [
      ["missing", undefined, /Stripe-Signature is missing/],
      ["another secret's", signed(body(), "whsec_unknown"), /does not fit/],
      ["another body's", signed(body({ id: "evt_2" })), /does not fit/],
      ["too old", signed(body(), NEW_SECRET, 301), /older than five minutes/],
      ["nonsense", "nonsense", /does not fit/],
      ["empty", "", /missing|does not fit/],
    ];
    for (const [name, signature, detail] of cases) {
      const response = await send(body(), signature);
      assert.equal(response.status, 400, name);
      assert.match(response.headers.get("content-type") ?? "", /^application\/problem\+json/);
      const problem = (await response.json()) as { detail: string; type: string };
      assert.match(problem.detail, detail, name);
      assert.equal(problem.type, "/problems/InvalidSignature");
      assert.doesNotMatch(JSON.stringify(problem), /whsec/);
    }
    assert.deepEqual(await stored(), []);
  });

  test("a signature just within the tolerance is taken", async () => {
    assert.equal((await send(body(), signed(body(), NEW_SECRET, 290))).status, 200);
  });

  test("what is signed but is no event is refused, and says why", async () => {
    const thin = JSON.stringify({
      id: "evt_1",
      object: "v2.core.event",
      type: "v1.billing.meter.error_report_triggered",
    });
    for (const [payload, detail] of [
      ["no json", /not JSON/],
      ["null", /not an event/],
      [body({ id: "1; drop table" }), /id must be an event's id/],
      [thin, /payload style "snapshot"/],
    ] as const) {
      const response = await send(payload, signed(payload));
      assert.equal(response.status, 400);
      assert.match(((await response.json()) as { detail: string }).detail, detail);
    }
    assert.deepEqual(await stored(), []);
  });

  test("types that are not needed are stored as ignored, and not queued", async () => {
    const payload = body({ type: "charge.refunded", data: { object: { id: "ch_1", object: "charge" } } });
    assert.equal((await send(payload, signed(payload))).status, 200);
    const [event] = await stored();
    assert.equal(event?.["outcome"], "ignored");
    assert.equal(event["handled"], true);
    assert.match(String(event["detail"]), /not needed/);
    assert.deepEqual(await queue.take("stripe-event"), []);
  });

  test("events of another API version are handled", async () => {
    const payload = body({
      type: "invoice.paid",
      api_version: "2020-08-27",
      data: { object: { id: "in_1", object: "invoice", subscription: "sub_9" } },
    });
    assert.equal((await send(payload, signed(payload))).status, 200);
    assert.equal((await stored())[0]?.["subscription_id"], "sub_9");
  });

  test("a body that is too large is refused before anything is looked at", async () => {
    const payload = body({ filler: "x".repeat(1_100_000) });
    assert.equal((await send(payload, signed(payload))).status, 413);
    assert.deepEqual(await stored(), []);
  });

  test("the body is kept as it came", async () => {
    const payload = body({ data: { object: { id: "sub_1", object: "subscription", note: "naïve ☃" } } });
    await send(payload, signed(payload));
    const { rows } = await database.query<{ body: unknown }>("select body from stripe_events");
    assert.deepEqual(rows[0]?.body, JSON.parse(payload));
  });

  test("a proxy may compress the body on its way: the signature is over what Stripe said", async () => {
    const payload = body();
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    const post = (signature: string): Promise<globalThis.Response> =>
      fetch(url, {
        method: "POST",
        headers: { ...headers, "stripe-signature": signature },
        body: gzipSync(payload),
      });
    assert.equal((await post(signed(payload))).status, 200);
    assert.equal((await post(signed(`${payload} `))).status, 400);
  });

  test("other methods are told that it is for POST", async () => {
    const response = await fetch(url);
    assert.deepEqual([response.status, response.headers.get("allow")], [405, "POST"]);
  });

  test("a character that the database cannot hold does not keep an event out", async () => {
    const payload = body({
      data: { object: { id: "sub_1", object: "subscription", description: "a\0b \\u0000 \ud83d" } },
    });
    assert.equal((await send(payload, signed(payload))).status, 200);
    const { rows } = await database.query<{ body: { data: { object: { description: string } } } }>(
      "select body from stripe_events",
    );
    assert.equal(rows[0]?.body.data.object.description, "ab \\u0000 \ufffd");
  });

  test("an event whose job cannot be queued is not stored either", async () => {
    await database.query("alter table jobs rename to jobs_elsewhere");
    try {
      assert.equal((await send(body(), signed(body()))).status, 503);
      assert.deepEqual(await stored(), []);
    } finally {
      await database.query("alter table jobs_elsewhere rename to jobs");
    }
  });

  test("while the database is down it answers 503 with Retry-After, and takes the same event later", async () => {
    const payload = body();
    const down = (await filePostgres()).restart(600);
    const answers = (): Promise<boolean> =>
      database.query("select 1").then(
        () => true,
        () => false,
      );
    await until("the outage", answers, (up) => !up, 1_000);
    const response = await send(payload, signed(payload));
    assert.equal(response.status, 503);
    assert.equal(response.headers.get("retry-after"), "5");
    await down;
    assert.equal((await send(payload, signed(payload))).status, 200);
    assert.equal((await stored()).length, 1);
  });
});
