import assert from "node:assert/strict";
import { get } from "node:http";
import { test } from "node:test";
import type { Instance } from "../../../sandbox/instance.ts";
import { askApi } from "../../../sandbox/lifecycle/api.ts";
import { launch } from "../../../sandbox/lifecycle/launch.ts";
import { instanceSecrets } from "../../../sandbox/lifecycle/secrets.ts";
import { until } from "../../until.ts";
import { ownInstance, supervisorOptions } from "../sandbox/own.ts";

test("the whole life of a tenant by Stripe's events alone, on real parts", async (t) => {
  const instance = await ownInstance(t, "test-stripe");
  const supervisor = launch(
    instance,
    supervisorOptions(instance, { withoutPlatform: false, withoutServer: false }),
    () => {},
  );
  t.after(async () => {
    supervisor.stop();
    await supervisor.ended;
  });
  await supervisor.ready;
  const visit = (): Promise<Page> => page(instance, "acme", "/web/login");
  const row = async (): Promise<Row> => await tenant(instance, "acme");
  let subscription = "";

  await t.test("a paid checkout leads to its login page", async () => {
    const paid = await stripe(instance, "/checkout", {
      subdomain: "acme",
      plan: "starter",
      email: "owner@acme.example",
      company: "Acme",
      locale: "fr",
    });
    subscription = paid.subscription?.id ?? "";
    await until("the login page", visit, ({ status }) => status === 200, 180_000);
    await until("the tenant to be active", row, ({ state }) => state === "active");
    assert.equal((await row()).wanted_reason, "paid");
  });

  await t.test("a payment that fails gives grace, in which visitors notice nothing", async () => {
    await stripe(instance, `/subscriptions/${subscription}/fail`);
    const late = await until("the grace", row, ({ grace_until: until_ }) => until_ !== null, 30_000);
    assert.equal(late.wanted, "active");
    assert.equal((await visit()).status, 200);
  });

  await t.test("after the grace visitors are told, with the way to pay", async () => {
    await stripe(instance, "/clock", { days: 8 }); // which the server follows
    const { body } = await until("the page of a suspended tenant", visit, ({ status }) => status === 503, 180_000);
    const link = /href="([^"]*tenant=acme[^"]*)"/.exec(body)?.[1];
    assert.ok(link !== undefined, body);
    assert.match(await (await fetch(link)).text(), /href="\/i\/in_/);
    await until("the suspension to be done", row, ({ state }) => state === "suspended");
  });

  await t.test("paying brings it back", async () => {
    await stripe(instance, `/subscriptions/${subscription}/pay`);
    await until("the login page", visit, ({ status }) => status === 200, 120_000);
    await until("the tenant to be active", row, ({ state }) => state === "active");
  });

  await t.test("a canceled subscription suspends, and after the retention the tenant is gone", async () => {
    await stripe(instance, `/subscriptions/${subscription}/cancel`);
    await until("the page of a suspended tenant", visit, ({ status }) => status === 503, 120_000);
    assert.equal((await row()).wanted_reason, "canceled");
    await stripe(instance, "/clock", { days: 31 });
    await until("the deletion", row, ({ state }) => state === "deleted", 240_000);
    const { status } = await visit();
    assert.ok(status === 404 || status === 530, String(status));
  });

  for (const [name, accidents] of [
    ["doubled and shuffled", { duplicate: 1 }],
    ["shuffled and partly lost", { duplicate: 0.5, drop: 0.5 }],
    ["all lost", { drop: 1 }],
  ] as const) {
    await t.test(`events ${name} lead to the same`, async () => {
      const subdomain = name.replaceAll(" ", "-");
      await stripe(instance, "/deliveries/hold");
      const { subscription: made } = await stripe(instance, "/checkout", {
        subdomain,
        plan: "starter",
        email: "owner@acme.example",
      });
      await stripe(instance, `/subscriptions/${made?.id ?? ""}/pause`);
      await stripe(instance, `/subscriptions/${made?.id ?? ""}/resume`);
      await stripe(instance, "/deliveries/release", { ...accidents, shuffle: true, seed: 20_261_124 });
      await until(
        "the login page",
        async () => await page(instance, subdomain, "/web/login"),
        ({ status }) => status === 200,
        180_000,
      );
      assert.equal((await tenant(instance, subdomain)).wanted_reason, "paid");
    });
  }

  await t.test("every event was handled, and nothing is left to an operator", async () => {
    const { events } = (await ask(instance, "/api/events?limit=100")) as {
      events: { outcome: string | null; type: string }[];
    };
    assert.ok(events.length >= 20);
    assert.deepEqual(
      events.filter(({ outcome }) => outcome !== "applied" && outcome !== "ignored"),
      [],
    );
    const { tasks } = (await ask(instance, "/api/tasks")) as { tasks: unknown[] };
    assert.deepEqual(tasks, []);
  });
});

interface Page {
  readonly status: number;
  readonly body: string;
}

interface Row {
  readonly state: string;
  readonly wanted: string;
  readonly wanted_reason: string | null;
  readonly grace_until: string | null;
  readonly subdomain: string;
}

/** Through the edge, as a visitor's browser asks. */
async function page(instance: Instance, subdomain: string, path: string): Promise<Page> {
  return await new Promise((resolve, reject) => {
    const request = get(
      {
        host: "127.0.0.1",
        port: instance.ports.edge,
        path,
        headers: { host: `${subdomain}.${instance.domain}:${instance.ports.edge}` },
        agent: false,
        timeout: 20_000,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
        response.on("error", reject);
      },
    );
    request.on("timeout", () => request.destroy(new Error("the edge does not answer")));
    request.on("error", reject);
  });
}

async function stripe(
  instance: Instance,
  path: string,
  body: unknown = {},
): Promise<{ subscription?: { id: string } }> {
  const response = await fetch(`http://127.0.0.1:${instance.ports.stripe}/__sandbox${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { subscription?: { id: string } };
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

async function ask(instance: Instance, path: string): Promise<unknown> {
  return await askApi(instance, instanceSecrets(instance), path);
}

/** The newest of that name, deleted or not. */
async function tenant(instance: Instance, subdomain: string): Promise<Row> {
  const states = "pending,provisioning,active,suspending,suspended,deleting,deleted,failed,stalled";
  const { tenants } = (await ask(instance, `/api/tenants?search=${subdomain}&state=${states}`)) as { tenants: Row[] };
  const found = tenants.at(-1);
  assert.ok(found !== undefined, `there is no tenant ${subdomain}`);
  return found;
}
