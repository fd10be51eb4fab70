import { Agent, request } from "node:http";
import { setTimeout } from "node:timers/promises";
import type { SignedEvent } from "./checkout.ts";

export interface Answer {
  /** Milliseconds from the moment at which it was due to be sent, so that a late sender hides nothing. */
  ms: number;
  status: number;
}

/** Sends events at a steady rate, whether or not those before were answered, as many senders together do. */
export async function sendPaced(url: string, events: readonly SignedEvent[], perSecond: number): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 200 });
  const began = performance.now();
  const answers: Promise<Answer>[] = [];
  for (const [index, event] of events.entries()) {
    const due = began + (index * 1_000) / perSecond;
    const early = due - performance.now();
    if (early > 0) await setTimeout(early);
    answers.push(post(url, event, agent).then((status) => ({ status, ms: performance.now() - due })));
  }
  try {
    return await Promise.all(answers);
  } finally {
    agent.destroy();
  }
}

/** Sends events one after another on each of `atOnce` connections: as many as are answered. */
export async function sendEager(url: string, events: readonly SignedEvent[], atOnce: number): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const answers: Answer[] = [];
  const waiting = events.values();
  const lane = async () => {
    for (const event of waiting) {
      const began = performance.now();
      answers.push({ status: await post(url, event, agent), ms: performance.now() - began });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  agent.destroy();
  return answers;
}

/** 0 when there is no answer. */
async function post(url: string, { payload, signature }: SignedEvent, agent: Agent): Promise<number> {
  return await new Promise((resolve) => {
    const headers = {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(payload),
      "stripe-signature": signature,
    };
    const sent = request(`${url}/webhook/stripe`, { method: "POST", headers, agent }, (answer) => {
      answer.resume();
      answer.once("close", () => resolve(answer.statusCode ?? 0));
    });
    sent.once("error", () => resolve(0)).end(payload);
  });
}
