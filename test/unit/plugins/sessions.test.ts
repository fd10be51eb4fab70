import assert from "node:assert/strict";
import { test } from "node:test";
import { Sessions } from "../../../sandbox/plugins/framework/sessions.ts";

test("each connection keeps its own configuration", () => {
  const sessions = new Sessions<string>();
  for (const peer of ["a", "b"]) {
    sessions.open(peer, "engine");
    sessions.configure(peer, `config of ${peer}`, peer);
  }
  assert.equal(sessions.configured("a").config, "config of a");
  assert.equal(sessions.configured("b").config, "config of b");
});

test("a session that was taken does not change when the connection is configured again", () => {
  const sessions = new Sessions<string>();
  sessions.configure("a", "first", "1");
  const taken = sessions.configured("a");
  sessions.configure("a", "second", "2");
  assert.equal(taken.config, "first");
  assert.equal(sessions.configured("a").config, "second");
});

test("a cancellation reaches its own connection only, and ends with the next run on it", () => {
  const sessions = new Sessions<string>();
  sessions.configure("a", "x", "1");
  sessions.configure("b", "x", "1");
  sessions.cancel("a");
  assert.equal(sessions.configured("a").cancellation.signal.aborted, true);
  assert.equal(sessions.configured("b").cancellation.signal.aborted, false);
  sessions.open("a", "engine");
  sessions.configure("a", "x", "1");
  assert.equal(sessions.configured("a").cancellation.signal.aborted, false);
});

test("a connection that was never configured gets what all others agree on, and nothing when they differ", () => {
  const sessions = new Sessions<string>();
  assert.throws(() => sessions.configured("new"), /no configuration/);
  sessions.configure("a", "same", "1");
  sessions.configure("b", "same", "1");
  assert.equal(sessions.configured("new").config, "same");
  sessions.configure("c", "other", "2");
  assert.throws(() => sessions.configured("newer"), /no configuration/);
});

test("only so many connections are remembered", () => {
  const sessions = new Sessions<number>();
  for (let index = 0; index < 5_000; index++) sessions.configure(`peer ${index}`, index, String(index));
  assert.equal(sessions.configured("peer 4999").config, 4_999);
  assert.throws(() => sessions.configured("peer 0"), /no configuration/);
});
