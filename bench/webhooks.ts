import { randomBytes } from "node:crypto";
import { benchCommand, count, lookAtMachine, say } from "./command-line.ts";
import { Api } from "./ground/api.ts";
import { deliver, type SignedEvent, StripeDoor } from "./ground/checkout.ts";
import { onGround } from "./ground/ground.ts";
import { type Answer, sendEager, sendPaced } from "./ground/paced.ts";
import { startServers } from "./ground/servers.ts";
import { printReport } from "./report/report.ts";
import { quantile } from "./report/statistics.ts";
import { serverWay } from "./ways/server.ts";

const options = benchCommand("bench:webhooks", "how fast webhooks are answered, idle and while workers are busy")
  .option("--rate <count>", "events a second", count, 200)
  .option("--seconds <count>", "of each line", count, 15)
  .parse()
  .opts<{ rate: number; seconds: number; json: boolean }>();

/** Connections of the line that goes as fast as it can. */
const EAGER = 32;

interface Sample {
  title: string;
  ms: number;
  answers: Answer[];
  /** Tenants that became ready meanwhile. */
  tenants: number;
}

const machine = await lookAtMachine();
const samples = await onGround(async (ground) => {
  const { sandbox, signal } = ground;
  await startServers(ground);
  const stripe = await StripeDoor.open(sandbox.instance, sandbox.secrets);
  const api = new Api(sandbox, signal);
  const way = serverWay(ground);
  const paying = await stripe.pay("bench-payer");
  await way.make(paying);
  const created = await stripe.newestEvent("customer.subscription.created", paying.subscriptionId);
  // Two kinds: what only has to be stored, and what is handled too: its subscription is read from Stripe.
  const copies = (type: string, many: number): SignedEvent[] =>
    Array.from({ length: many }, () =>
      stripe.sign(Object.assign({}, created, { type, id: `evt_bench${randomBytes(10).toString("hex")}` })),
    );
  const many = options.rate * options.seconds;
  const taken: Sample[] = [];
  const take = async (title: string, send: () => Promise<Answer[]>, tenants: () => number = () => 0) => {
    const before = tenants();
    const began = performance.now();
    const answers = await send();
    const sample = { title, answers, ms: performance.now() - began, tenants: tenants() - before };
    say(`${title}: ${answers.length} answers, p99 ${quantile(msOf(sample), 0.99).toFixed(0)} ms`);
    taken.push(sample);
  };

  const { url } = sandbox.api;
  await sendPaced(url, copies("invoice.created", options.rate), options.rate);
  await take("idle, stored only", () => sendPaced(url, copies("invoice.created", many), options.rate));
  await take("idle, handled too", () => sendPaced(url, copies("customer.subscription.updated", many), options.rate));
  await take(`idle, stored only, ${EAGER} connections at full speed`, () =>
    sendEager(url, copies("invoice.created", many), EAGER),
  );

  // As many checkouts under way as the server has slots, one after the other.
  let ready = 0;
  let over = false;
  const lane = async (name: string) => {
    for (let number = 1; !over; number++) {
      const checkout = await stripe.pay(`${name}-${number}`);
      await deliver(url, checkout.event);
      await api.provisioned(checkout.subdomain);
      ready += 1;
    }
  };
  const busy = Promise.all(["busy-a", "busy-b"].map(lane));
  busy.catch(() => (over = true));
  await take(
    "workers busy, stored only",
    () => sendPaced(url, copies("invoice.created", many), options.rate),
    () => ready,
  );
  await take(
    "workers busy, handled too",
    () => sendPaced(url, copies("customer.subscription.updated", many), options.rate),
    () => ready,
  );
  over = true;
  await busy;
  return taken;
});

function msOf({ answers }: Sample): number[] {
  return answers.map(({ ms }) => ms);
}

printReport(
  {
    measure: "Webhooks",
    machine,
    tables: [
      {
        title: `${options.rate} signed events a second for ${options.seconds} s, milliseconds until answered`,
        columns: ["when", "answers a second", "median", "p95", "p99", "max", "not answered 200", "tenants made"],
        rows: samples.map((sample) => [
          sample.title,
          ((sample.answers.length / sample.ms) * 1_000).toFixed(0),
          ...[0.5, 0.95, 0.99, 1].map((q) => quantile(msOf(sample), q).toFixed(0)),
          String(sample.answers.filter(({ status }) => status !== 200).length),
          String(sample.tenants),
        ]),
        notes: [
          "Counted from the moment an event was due, so late sending hides nothing; the sender shares the cores with all that is measured. Busy: two checkouts under way all the time. Aim: p99 under 50 ms at 200 a second while workers are busy.",
        ],
      },
    ],
    samples: samples.map(({ answers: _answers, ...sample }) => sample),
  },
  options,
);
