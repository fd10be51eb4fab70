import { benchCommand, count, lookAtMachine, say } from "./command-line.ts";
import { StripeDoor } from "./ground/checkout.ts";
import { onGround } from "./ground/ground.ts";
import { watchHost } from "./ground/host-watch.ts";
import { startServers } from "./ground/servers.ts";
import { printReport } from "./report/report.ts";
import { median, seconds } from "./report/statistics.ts";
import type { Table } from "./report/table.ts";
import { plainWay } from "./ways/plain.ts";
import { PARTS_BESIDE, SERVER_PARTS, serverWay } from "./ways/server.ts";
import { usualWay } from "./ways/usual.ts";
import { measure, type Sample } from "./ways/way.ts";

const options = benchCommand("bench:checkout", "from a checkout's event to the tenant's first page, three ways")
  .option("--runs <count>", "measured runs of each way, after one that is not", count, 7)
  .parse()
  .opts<{ runs: number; json: boolean }>();

const machine = await lookAtMachine();
const samples = await onGround(async (ground) => {
  const { sandbox } = ground;
  await startServers(ground);
  const stripe = await StripeDoor.open(sandbox.instance, sandbox.secrets);
  const watch = await watchHost(ground);
  const server = serverWay(ground);
  const ways = [server, plainWay(ground), await usualWay(ground)];
  const taken = new Map<string, Sample[]>(ways.map(({ name }) => [name, []]));
  for (let round = 0; round <= options.runs; round++) {
    for (const [index, way] of ways.entries()) {
      const subdomain = `bench-${round}-${index}`;
      const checkout = way === server ? await stripe.pay(subdomain) : stripe.pretend(subdomain);
      const sample = await measure(way, ground, watch, checkout);
      await stripe.settle();
      say(`${round === 0 ? "warming up" : `run ${round}`}: ${way.name} ${seconds(sample.servedMs)} s`);
      if (round > 0) taken.get(way.name)?.push(sample);
    }
  }
  return taken;
});
printReport(
  {
    measure: "From a paid checkout to the first page",
    machine,
    tables: tables(),
    samples: Object.fromEntries(samples),
  },
  options,
);

function tables(): Table[] {
  const of = (name: string) => samples.get(name) ?? [];
  const served = (name: string) => of(name).map(({ servedMs }) => servedMs);
  const [server = "", plain = ""] = [...samples.keys()];
  const ratio = (a: string, b: string) => (median(served(a)) / median(served(b))).toFixed(2);
  return [
    {
      title: `Event to the first 200 of /web/login through the edge, seconds, ${options.runs} runs each`,
      columns: ["way", "median", "min", "max", "until it was done", "processor time", "this server ÷ it"],
      rows: [...samples].map(([name, taken]) => [
        name,
        seconds(median(served(name))),
        seconds(Math.min(...served(name))),
        seconds(Math.max(...served(name))),
        seconds(median(taken.map(({ doneMs }) => doneMs))),
        seconds(median(taken.map(({ processorMs }) => processorMs))),
        name === server ? "" : ratio(server, name),
      ]),
      notes: [
        `Aims: 2 s, and at most twice the ${plain}. "Until it was done" is the proof through the edge for this server, the last command for the others. Processor time is the whole machine's until both.`,
      ],
    },
    {
      title: "Where this server's time goes, seconds",
      columns: ["part", "median", "min", "max", "what it is"],
      rows: [
        ...SERVER_PARTS.map(([part, meaning]) => partRow(of(server), part, part, meaning)),
        ...PARTS_BESIDE.map(([part, meaning]) => partRow(of(server), part, `beside: ${part}`, meaning)),
      ],
    },
  ];
}

function partRow(taken: readonly Sample[], part: string, label: string, meaning: string): string[] {
  const values = taken.map(({ parts }) => parts[part] ?? Number.NaN);
  return [label, seconds(median(values)), seconds(Math.min(...values)), seconds(Math.max(...values)), meaning];
}
