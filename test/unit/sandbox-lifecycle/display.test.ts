import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { box, readyBox, statusText } from "../../../sandbox/lifecycle/box.ts";
import { PlainDisplay } from "../../../sandbox/lifecycle/display.ts";
import { duration, StepFailed, Steps, type StepEvent } from "../../../sandbox/lifecycle/steps.ts";

function plain(t: TestContext) {
  const lines: string[] = [];
  const clock = { now: 0 };
  const display = new PlainDisplay(
    (line) => lines.push(line),
    () => clock.now,
  );
  t.after(() => display.close());
  return { display, lines, clock };
}

test("a short step is one line, when it ends", (t) => {
  const { display, lines } = plain(t);
  display.show({ step: 1, title: "PostgreSQL", state: "started" });
  display.show({ step: 1, title: "PostgreSQL", state: "doing", doing: "starting" });
  display.tick();
  assert.deepEqual(lines, []);
  display.show({ step: 1, title: "PostgreSQL", state: "done", ms: 412, note: "15.18" });
  assert.deepEqual(lines, ["✓ PostgreSQL: 15.18 (0.4 s)"]);
});

test("a long step says every quarter of a minute what it is doing, also beside others", (t) => {
  const { display, lines, clock } = plain(t);
  display.show({ step: 1, title: "Pulumi engine", state: "started" });
  display.show({ step: 2, title: "Tenant host's system", state: "started" });
  display.show({ step: 1, title: "Pulumi engine", state: "doing", doing: "compiling" });
  clock.now = 15_000;
  display.tick();
  display.tick();
  assert.deepEqual(lines, ["… Pulumi engine: compiling (15 s)", "… Tenant host's system (15 s)"]);
  display.show({ step: 2, title: "Tenant host's system", state: "failed", ms: 20_000, error: "no space" });
  clock.now = 30_000;
  display.tick();
  assert.deepEqual(lines.slice(2), ["✗ Tenant host's system failed after 20 s", "… Pulumi engine: compiling (30 s)"]);
});

test("steps report their begin, what they do, and how they end", async () => {
  const events: StepEvent[] = [];
  const steps = new Steps((event) => events.push(event));
  const result = await steps.run(
    "one",
    async (progress) => {
      progress("counting");
      return 3;
    },
    (count) => `${count} things`,
  );
  assert.equal(result, 3);
  assert.deepEqual(
    events.map((event) => event.state),
    ["started", "doing", "done"],
  );
  assert.equal(events.at(-1)?.state === "done" && events.at(-1)?.title, "one");
  await assert.rejects(
    steps.run("two", async () => {
      throw new Error("no space");
    }),
    (error: Error) => error instanceof StepFailed && error.message === "two: no space",
  );
  assert.equal(events.at(-1)?.state, "failed");
});

test("durations are told as people say them", () => {
  assert.equal(duration(0), "0.0 s");
  assert.equal(duration(9_940), "9.9 s");
  assert.equal(duration(9_960), "10 s");
  assert.equal(duration(59_400), "59 s");
  assert.equal(duration(59_600), "1 min 0 s");
  assert.equal(duration(231_000), "3 min 51 s");
});

const STATUS = {
  api: "http://127.0.0.1:4443",
  edge: "http://127.0.0.1:8080",
  tenants: [
    {
      subdomain: "acme",
      url: "http://acme.odoo.localhost:8080",
      login: "owner@acme.example",
      password: "secret",
      state: "active",
    },
  ],
};

test("the box names the tenant's page, its login, and how to go on", () => {
  const text = readyBox(STATUS, { foreground: true });
  for (const part of [
    "http://acme.odoo.localhost:8080/web/login",
    "owner@acme.example",
    "secret",
    "npm run checkout",
    "API_TOKEN=$(npm run -s token) npm run cli -- tenants list",
    "http://127.0.0.1:4443/docs",
    "Ctrl-C",
  ]) {
    assert.ok(text.includes(part), `${part} in\n${text}`);
  }
  assert.ok(!readyBox(STATUS, { foreground: false }).includes("Ctrl-C"));
});

test("README.md shows the box as it is", () => {
  const page = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  const tenants = STATUS.tenants.map((tenant) => ({ ...tenant, password: "(drawn for each sandbox)" }));
  assert.equal(/╭[^]*╯/.exec(page)?.[0], readyBox({ ...STATUS, tenants }, { foreground: false }));
});

test("all lines of a box are equally wide", () => {
  const widths = box([
    ["a", "b"],
    ["longer label", "a longer text"],
  ])
    .split("\n")
    .map((line) => line.length);
  assert.equal(new Set(widths).size, 1);
});

test("a status tells which tenants are not active and which parts have ended", () => {
  const text = statusText({
    ...STATUS,
    tenants: [
      { ...STATUS.tenants[0], subdomain: "globex", url: "u", login: "l", password: "p", state: "provisioning" },
    ],
    ended: [{ name: "PostgreSQL", how: "exited with 1", log: "/log" }],
  });
  assert.match(text, /globex +u\/web\/login \(provisioning\)/);
  assert.match(text, /! PostgreSQL: exited with 1.* See \/log/);
});

test("where the API has another port, the commands name it", () => {
  const text = readyBox({ ...STATUS, api: "http://127.0.0.1:14443" }, { foreground: false });
  assert.ok(text.includes("API_URL=http://127.0.0.1:14443 API_TOKEN=$(npm run -s token) npm run cli --"), text);
});

test("a status tells of which checkouts no tenant was made, and how to find out what to do", () => {
  const task = { id: 8, kind: "subdomain-taken", detail: `"acme" is taken` };
  const text = statusText({ ...STATUS, tasks: [task] });
  assert.match(text, /! subdomain-taken: "acme" is taken\n.*npm run cli -- tasks list$/);
  assert.doesNotMatch(statusText(STATUS), /tasks/);
});
