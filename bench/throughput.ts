import { benchCommand, count, counts, lookAtMachine, say } from "./command-line.ts";
import { Api } from "./ground/api.ts";
import { deliver, StripeDoor } from "./ground/checkout.ts";
import { type Ground, onGround } from "./ground/ground.ts";
import { peakOf, several } from "./ground/many.ts";
import { startServers, type ServerSetup } from "./ground/servers.ts";
import { processorMeter } from "./report/machine.ts";
import { printReport } from "./report/report.ts";
import { mebibytes, quantile, seconds } from "./report/statistics.ts";
import { usualWay } from "./ways/usual.ts";

const options = benchCommand("bench:throughput", "tenants per minute, several at once")
  .option("--tenants <count>", "tenants of each line", count, 12)
  .option("--at-once <counts>", "how many at once", counts, [1, 2, 4, 8])
  .option("--no-usual", "without the usual way beside it")
  .parse()
  .opts<{ tenants: number; atOnce: number[]; usual: boolean; json: boolean }>();

interface Sample {
  title: string;
  tenants: number;
  /** Milliseconds from the first event to the last tenant that was ready. */
  wholeMs: number;
  /** Milliseconds of each tenant, without its wait for its turn. */
  eachMs: number[];
  processorMs: number;
  idleMemory: number;
  peakMemory: number;
}

const machine = await lookAtMachine();
const samples = await onGround(async (ground) => {
  const stripe = await StripeDoor.open(ground.sandbox.instance, ground.sandbox.secrets);
  const taken: Sample[] = [];
  const take = async (sample: Promise<Sample>) => {
    const { title, tenants, wholeMs } = await sample;
    say(`${title}: ${((tenants / wholeMs) * 60_000).toFixed(0)} tenants a minute`);
    taken.push(await sample);
  };
  for (const atOnce of options.atOnce) {
    await take(byServer(ground, stripe, `this server, ${atOnce} at once`, `s${atOnce}`, { parallelism: atOnce }));
    if (options.usual) await take(byUsual(ground, stripe, atOnce));
  }
  for (const workers of [1, 2]) {
    const title = `${workers} worker process${workers > 1 ? "es" : ""}, ${4 / workers} at once each, and one for the API`;
    await take(byServer(ground, stripe, title, `w${workers}`, { workers, parallelism: 4 / workers }));
  }
  return taken;
});

/** All events come at once; the queue hands them out. */
async function byServer(
  ground: Ground,
  stripe: StripeDoor,
  title: string,
  prefix: string,
  setup: ServerSetup,
): Promise<Sample> {
  const { sandbox, signal } = ground;
  const servers = await startServers(ground, setup);
  const api = new Api(sandbox, signal);
  const make = async (name: string) => {
    const checkout = await stripe.pay(name);
    return { name, work: () => deliver(sandbox.api.url, checkout.event) };
  };
  const warm = (setup.parallelism ?? 1) * Math.max(1, setup.workers ?? 1);
  const ready = async (checkouts: Awaited<ReturnType<typeof make>>[]) => {
    await Promise.all(checkouts.map(({ work }) => work()));
    return await Promise.all(checkouts.map(async ({ name }) => await api.provisioned(name)));
  };
  // Every slot once, so that its thread has loaded the program.
  const first = await several(
    1,
    names(`${prefix}-warm`, warm).map((name) => () => make(name)),
  );
  await ready(first);
  await stripe.settle();
  const checkouts = await several(
    1,
    names(prefix, options.tenants).map((name) => () => make(name)),
  );
  const idleMemory = servers.memory();
  const processor = processorMeter();
  const began = Date.now();
  const making = ready(checkouts);
  const peakMemory = await peakOf(() => servers.memory(), making);
  const operations = await making;
  const processorMs = processor();
  await stripe.settle();
  const wholeMs = Math.max(...operations.map(({ finished_at }) => Date.parse(finished_at ?? ""))) - began;
  await servers.stop();
  return {
    title,
    tenants: options.tenants,
    wholeMs,
    eachMs: operations.map(
      ({ started_at, finished_at }) => Date.parse(finished_at ?? "") - Date.parse(started_at ?? ""),
    ),
    processorMs,
    idleMemory,
    peakMemory,
  };
}

/** As many requests under way as at once. */
async function byUsual(ground: Ground, stripe: StripeDoor, atOnce: number): Promise<Sample> {
  const way = await usualWay(ground);
  await way.make(stripe.pretend(`u${atOnce}-warm`));
  const checkouts = names(`u${atOnce}`, options.tenants).map((name) => stripe.pretend(name));
  const idleMemory = way.memory();
  const processor = processorMeter();
  const began = performance.now();
  const making = several(
    atOnce,
    checkouts.map((checkout) => async () => {
      const at = performance.now();
      await way.make(checkout);
      return performance.now() - at;
    }),
  );
  const peakMemory = await peakOf(() => way.memory(), making);
  const eachMs = await making;
  const wholeMs = performance.now() - began;
  const processorMs = processor();
  await way.stop();
  return {
    title: `the usual way, ${atOnce} at once`,
    tenants: options.tenants,
    wholeMs,
    eachMs,
    processorMs,
    idleMemory,
    peakMemory,
  };
}

function names(prefix: string, many: number): string[] {
  return Array.from({ length: many }, (_each, index) => `${prefix}-${index + 1}`);
}

printReport(
  {
    measure: "Tenants per minute",
    machine,
    tables: [
      {
        title: `${options.tenants} paid checkouts at once, each with a real Odoo database`,
        columns: [
          "how",
          "tenants a minute",
          "each, median s",
          "p95 s",
          "processor s each",
          "memory before, MiB",
          "peak, MiB",
        ],
        rows: samples.map((sample) => [
          sample.title,
          ((sample.tenants / sample.wholeMs) * 60_000).toFixed(0),
          seconds(quantile(sample.eachMs, 0.5)),
          seconds(quantile(sample.eachMs, 0.95)),
          seconds(sample.processorMs / sample.tenants),
          mebibytes(sample.idleMemory),
          mebibytes(sample.peakMemory),
        ]),
        notes: [
          "From the first event until the last tenant is proven through the edge (the usual way: until its handler is done). Memory: the server with its engines and providers, shared pages counted once; not PostgreSQL's, Odoo's or the emulators'. Aims: 60 a minute and more, under 150 MiB for each further one at once.",
        ],
      },
    ],
    samples,
  },
  options,
);
