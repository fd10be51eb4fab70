import { benchCommand, count, lookAtMachine, say } from "./command-line.ts";
import { Api, type Operation } from "./ground/api.ts";
import { deliver, StripeDoor } from "./ground/checkout.ts";
import { untilStatus } from "./ground/edge.ts";
import { onGround } from "./ground/ground.ts";
import { startServers } from "./ground/servers.ts";
import { printReport } from "./report/report.ts";
import { median, seconds } from "./report/statistics.ts";
import { serverWay } from "./ways/server.ts";

const options = benchCommand(
  "bench:life",
  "suspend and resume by Stripe's events, and a reconcile that changes nothing",
)
  .option("--runs <count>", "measured runs, after one that is not", count, 7)
  .parse()
  .opts<{ runs: number; json: boolean }>();

interface Sample {
  /** Milliseconds from the event or request until visitors saw it; NaN where they see nothing. */
  seenMs: number;
  operation: Operation;
}

const machine = await lookAtMachine();
const samples = await onGround(async (ground) => {
  const { sandbox, signal } = ground;
  await startServers(ground);
  const stripe = await StripeDoor.open(sandbox.instance, sandbox.secrets);
  const api = new Api(sandbox, signal);
  const checkout = await stripe.pay("bench-life");
  await serverWay(ground).make(checkout);
  const { id } = await api.tenant(checkout.subdomain);

  const byEvent = async (action: "pause" | "resume", status: number): Promise<Sample> => {
    const event = await stripe.change(checkout.subscriptionId, action);
    const began = performance.now();
    await deliver(sandbox.api.url, event);
    const seenMs = (await untilStatus(sandbox.instance, checkout.subdomain, status, signal)) - began;
    return { seenMs, operation: await api.operationOf(id, action === "pause" ? "suspend" : "resume") };
  };
  const steps: Record<string, () => Promise<Sample>> = {
    suspend: () => byEvent("pause", 503),
    resume: () => byEvent("resume", 200),
    "no-op": async () => ({ seenMs: Number.NaN, operation: await api.change(id, "retry") }),
  };
  const taken: Record<string, Sample[]> = {};
  for (let round = 0; round <= options.runs; round++) {
    for (const [name, step] of Object.entries(steps)) {
      const sample = await step();
      say(`${round === 0 ? "warming up" : `run ${round}`}: ${name} ${seconds(wholeMs(sample.operation))} s`);
      if (round > 0) (taken[name] ??= []).push(sample);
    }
  }
  return taken;
});

const timing =
  (name: string) =>
  ({ operation }: Sample) =>
    operation.timings?.[name] ?? 0;
printReport(
  {
    measure: "Suspend, resume, nothing to do",
    machine,
    tables: [
      {
        title: `Seconds, ${options.runs} runs each`,
        columns: ["step", "seen by visitors", "min", "max", "operation", "of it queue", "engine", "proof"],
        rows: Object.entries(samples).map(([name, taken]) => {
          const seen = taken.map(({ seenMs }) => seenMs);
          const of = (pick: (sample: Sample) => number) => seconds(median(taken.map(pick)));
          return [
            name,
            seconds(median(seen)),
            seconds(Math.min(...seen)),
            seconds(Math.max(...seen)),
            of(({ operation }) => wholeMs(operation)),
            of(({ operation }) => Date.parse(operation.started_at ?? "") - Date.parse(operation.queued_at)),
            of(timing("engineMs")),
            of(timing("probeMs")),
          ];
        }),
        notes: [
          "Seen: from the delivery of Stripe's event to the first 503, or 200, of the login page through the edge. Operation: from the recorded wish to the proof. Aims: resume 1 s, no-op 0.6 s.",
        ],
      },
    ],
    samples,
  },
  options,
);

function wholeMs({ queued_at, finished_at }: Operation): number {
  return Date.parse(finished_at ?? "") - Date.parse(queued_at);
}
