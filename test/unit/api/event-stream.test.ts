import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import type { Response } from "express";
import { type StreamEvent, streamEvents } from "../../../automation/api/http/event-stream.ts";

/** An answer whose reader takes nothing more once it is `full`. */
class Answer extends EventEmitter {
  written = "";
  full = false;
  ended = false;
  status = (): this => this;
  set = (): this => this;
  flushHeaders = (): void => {};
  write = (text: string): boolean => {
    this.written += text;
    return !this.full;
  };
  end = (): void => void (this.ended = true);
  readonly asResponse = this as unknown as Response;
}

test("a stream without news says every 15 s that it is still there", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const answer = new Answer();
  const leaving = new AbortController();
  const next = async (): Promise<IteratorResult<StreamEvent>> => {
    await once(leaving.signal, "abort");
    return { done: true, value: undefined };
  };
  const silence = { [Symbol.asyncIterator]: () => ({ next }) };
  const streaming = streamEvents(answer.asResponse, silence, leaving.signal);
  t.mock.timers.tick(14_999);
  assert.equal(answer.written, "");
  t.mock.timers.tick(1);
  assert.match(answer.written, /^:.*\n\n$/, "a comment, which no client takes for an event");
  leaving.abort();
  await streaming;
  assert.ok(answer.ended);
  t.mock.timers.tick(60_000);
  assert.equal(answer.written.match(/^:/gm)?.length, 1);
});

test("a reader who is slower than the news holds back their source", async () => {
  const answer = new Answer();
  let asked = 0;
  async function* news(): AsyncGenerator<StreamEvent> {
    for (const n of [1, 2, 3]) {
      asked = n;
      yield { id: String(n), event: "line", data: n };
    }
  }
  answer.full = true;
  const streaming = streamEvents(answer.asResponse, news(), new AbortController().signal);
  await new Promise(setImmediate);
  assert.equal(asked, 1);
  answer.emit("drain");
  await new Promise(setImmediate);
  assert.equal(asked, 2);
  answer.full = false;
  answer.emit("drain");
  await streaming;
  assert.deepEqual(
    [...answer.written.matchAll(/id: (\d)/g)].map(([, id]) => id),
    ["1", "2", "3"],
  );
});
