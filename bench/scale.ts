import { benchCommand, count, counts, lookAtMachine, say } from "./command-line.ts";
import { Api, type Operation } from "./ground/api.ts";
import { deliver, StripeDoor } from "./ground/checkout.ts";
import { seedExisting } from "./ground/existing.ts";
import { onGround } from "./ground/ground.ts";
import { startServers } from "./ground/servers.ts";
import { printReport } from "./report/report.ts";
import { mebibytes, median, seconds } from "./report/statistics.ts";

const options = benchCommand("bench:scale", "the next tenant, beside few existing ones and many")
  .option("--existing <counts>", "existing tenants, in rising order", counts, [10, 1_000, 10_000])
  .option("--runs <count>", "measured tenants at each", count, 7)
  .parse()
  .opts<{ existing: number[]; runs: number; json: boolean }>();

interface Sample {
  existing: number;
  /** From the delivery of the event to the operation's end, proof included. */
  readyMs: number[];
  operations: Operation[];
  /** Bytes of the server with engines and providers, after these runs. */
  memory: number;
}

const PATTERN = "bench-pattern";

const machine = await lookAtMachine();
const samples = await onGround(async (ground) => {
  const { sandbox, signal } = ground;
  const stripe = await StripeDoor.open(sandbox.instance, sandbox.secrets);
  const api = new Api(sandbox, signal);
  const make = async (name: string) => {
    const checkout = await stripe.pay(name);
    const began = Date.now();
    await deliver(sandbox.api.url, checkout.event);
    const operation = await api.provisioned(name);
    await stripe.settle();
    return { operation, readyMs: Date.parse(operation.finished_at ?? "") - began };
  };
  const taken: Sample[] = [];
  let seeded = 0;
  for (const existing of options.existing) {
    // A server that has seen all those tenants from its start on.
    if (seeded === 0) {
      const first = await startServers(ground);
      await make(PATTERN);
      await first.stop();
    }
    say(`seeding ${existing} tenants…`);
    await seedExisting(ground, PATTERN, seeded + 1, existing);
    seeded = existing;
    const servers = await startServers(ground);
    for (const run of ["a", "b"]) await make(`warm-${existing}-${run}`);
    const made = [];
    for (let run = 1; run <= options.runs; run++) made.push(await make(`next-${existing}-${run}`));
    const sample = {
      existing,
      readyMs: made.map(({ readyMs }) => readyMs),
      operations: made.map(({ operation }) => operation),
      memory: servers.memory(),
    };
    say(`${existing}: ${seconds(median(sample.readyMs))} s`);
    taken.push(sample);
    await servers.stop();
  }
  return taken;
});

const [few] = samples;
printReport(
  {
    measure: "The next tenant",
    machine,
    tables: [
      {
        title: `Event to proven-ready, seconds, ${options.runs} tenants one after the other at each`,
        columns: ["existing tenants", "median", "min", "max", "of it engine", "÷ first line", "server's memory, MiB"],
        rows: samples.map(({ existing, readyMs, operations, memory }) => [
          String(existing),
          seconds(median(readyMs)),
          seconds(Math.min(...readyMs)),
          seconds(Math.max(...readyMs)),
          seconds(median(operations.map(({ timings }) => timings?.["engineMs"] ?? Number.NaN))),
          (median(readyMs) / median(few?.readyMs ?? [])).toFixed(2),
          mebibytes(memory),
        ]),
        notes: [
          "Existing ones are rows, operations and states copied from a real tenant; they have no database or tunnel. Aim: flat within 10 %.",
        ],
      },
    ],
    samples,
  },
  options,
);
