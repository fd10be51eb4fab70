import assert from "node:assert/strict";
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Journal } from "../../../sandbox/stripe/journal.ts";
import { until } from "../../until.ts";
import { startEmulator, startReceiver, WEBHOOK_SECRET } from "./emulator.ts";

test("all objects, the clock and unfinished deliveries survive a restart", async (t) => {
  const receiver = await startReceiver(t);
  receiver.status = 500;
  const emulator = await startEmulator(t, {
    webhook: { url: receiver.url, secret: WEBHOOK_SECRET, events: ["invoice.paid"] },
    deliveryRetrySeconds: [0.5, 0.5, 0.5],
  });
  const { subscription } = await emulator.checkout({ subdomain: "acme" });
  await emulator.door("POST", "/clock", { days: 3 });
  await until(
    "a first try",
    () => receiver.received.length,
    (count) => count >= 1,
  );
  const before = await emulator.stripe.events.list({ limit: 100 });
  const known = { ...(await emulator.stripe.subscriptions.retrieve(subscription.id)) };
  receiver.status = 200;
  await emulator.restart();
  assert.deepEqual({ ...(await emulator.stripe.subscriptions.retrieve(subscription.id)) }, known);
  assert.deepEqual(
    (await emulator.stripe.events.list({ limit: 100 })).data.map((event) => event.id),
    before.data.map((event) => event.id),
  );
  const { now } = await emulator.door<{ now: string }>("GET", "/clock");
  assert.ok(Date.parse(now) > Date.now() + 2.9 * 86_400_000);
  await until(
    "the delivery after the restart",
    () => receiver.received.length,
    (count) => count >= 2,
  );
});

test("what was answered is on the disk before the answer", async (t) => {
  const path = await temporaryFile(t);
  const { journal } = await Journal.open(path);
  journal.append(["customer", "cus_1", { id: "cus_1" }]);
  const writes = [journal.flush(), journal.flush()];
  journal.append(["customer", "cus_2", { id: "cus_2" }]);
  await Promise.all([...writes, journal.flush()]);
  assert.equal((await readFile(path, "utf8")).split("\n").length, 3);
  await journal.close();
});

test("a line cut off by a crash is dropped, and the rest is read", async (t) => {
  const path = await temporaryFile(t);
  const first = await Journal.open(path);
  first.journal.append(["customer", "cus_1", { name: "old" }]);
  first.journal.append(["customer", "cus_2", {}]);
  first.journal.append(["customer", "cus_1", { name: "new" }]);
  first.journal.append(["customer", "cus_2"]);
  await first.journal.close();
  await appendFile(path, '["customer","cus_3",{"na');
  const second = await Journal.open(path);
  assert.deepEqual(second.entries, [["customer", "cus_1", { name: "new" }]]);
  await second.journal.close();
  assert.equal(await readFile(path, "utf8"), '["customer","cus_1",{"name":"new"}]\n');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("a state file that is something else is refused with its name and line", async (t) => {
  const path = await temporaryFile(t);
  await writeFile(path, "hello\n");
  await assert.rejects(Journal.open(path), /line 1, is not JSON; delete the file/);
});

async function temporaryFile(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "odoosaas-journal-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return join(directory, "state.jsonl");
}
