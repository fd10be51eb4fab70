import assert from "node:assert/strict";
import { test } from "node:test";
import { Listener } from "../../../automation/db/listener.ts";
import { openDatabase } from "../../database.ts";
import { until } from "../../until.ts";

const db = await openDatabase();

test("all who begin to listen at the same moment hear what is said, until they stop", async (t) => {
  const listener = new Listener(db.url);
  t.after(() => listener.close());
  const heard: string[][] = [[], [], []];
  const stops = await Promise.all(heard.map((own) => listener.listen("news", (payload) => own.push(payload))));
  await db.query("select pg_notify('news', 'first')");
  await until(
    "the first",
    () => heard,
    (all) => all.every((own) => own.includes("first")),
    5_000,
  );
  stops[0]?.();
  await db.query("select pg_notify('news', 'second')");
  await until(
    "the second",
    () => heard.slice(1),
    (all) => all.every((own) => own.includes("second")),
    5_000,
  );
  assert.deepEqual(heard, [["first"], ["first", "second"], ["first", "second"]]);
});

test("when its connection broke, every listener is told so, and hears again", async (t) => {
  const listener = new Listener(db.url);
  t.after(() => listener.close());
  const heard: string[] = [];
  await listener.listen("after-a-break", (payload) => heard.push(payload));
  await db.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'odoosaas-listener'");
  await until(
    "the notice",
    () => heard,
    (all) => all.includes(""),
    5_000,
  );
  await db.query("select pg_notify('after-a-break', 'again')");
  await until(
    "the news",
    () => heard,
    (all) => all.includes("again"),
    5_000,
  );
});

test("a listener that could not be heard is not kept", async () => {
  const listener = new Listener("postgres://nobody@127.0.0.1:1/nothing");
  await assert.rejects(
    listener.listen("news", () => assert.fail("nothing is said")),
    /ECONNREFUSED/,
  );
  await listener.close();
});
