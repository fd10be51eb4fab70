import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePorts } from "../sandbox/instance.ts";
import { benchCommand, count, lookAtMachine, say } from "./command-line.ts";
import { printReport } from "./report/report.ts";
import { median, seconds } from "./report/statistics.ts";
import type { Table } from "./report/table.ts";

const options = benchCommand("bench:start", "npm start -- --detach: the first time on this machine, and later ones")
  .option("--runs <count>", "measured later starts", count, 5)
  .option("--cold", "the first one too, with empty caches of its own: minutes", false)
  .parse()
  .opts<{ runs: number; cold: boolean; json: boolean }>();

interface Sample {
  /** Milliseconds from the command until it returned. */
  wholeMs: number;
  /** Milliseconds of each step, as the command tells them; they run side by side. */
  steps: Record<string, number>;
}

const CLI = fileURLToPath(new URL("../sandbox/cli.ts", import.meta.url));

const machine = await lookAtMachine();
const place = mkdtempSync(join(tmpdir(), "odoo-tenants-bench-"));
chmodSync(place, 0o711); // PostgreSQL runs as a user of its own, who must get through
const environment = {
  ...process.env,
  NO_COLOR: "1",
  ODOO_TENANTS_STATE: join(place, "state"),
  // The caches that a clean machine does not have; npm's and Debian's packages are taken before the command.
  ...(options.cold && {
    ODOO_TENANTS_CACHE: join(place, "cache"),
    GOMODCACHE: join(place, "go", "modules"),
    GOCACHE: join(place, "go", "build"),
    GOFLAGS: [process.env["GOFLAGS"], "-modcacherw"].filter(Boolean).join(" "),
  }),
};
const ports = Object.entries(await freePorts()).flatMap(([name, port]) => ["--port", `${name}=${port}`]);

let first: Sample;
const later: Sample[] = [];
try {
  say(options.cold ? "first start, with empty caches" : "first start, with full caches and no data");
  first = await start();
  for (let run = 1; run <= options.runs; run++) {
    await command("stop");
    later.push(await start());
    say(`later start ${run}: ${seconds(later.at(-1)?.wholeMs ?? Number.NaN)} s`);
  }
} finally {
  await command("reset");
  rmSync(place, { recursive: true, force: true });
}
printReport({ measure: "npm start", machine, tables: tables(), samples: { first, later } }, options);

async function start(): Promise<Sample> {
  const began = performance.now();
  const steps: Record<string, number> = {};
  await command("start", ["--detach", ...ports], (line) => {
    const [, step, time] = /^✓ (.+) \(([^()]+)\)$/.exec(line) ?? [];
    if (step !== undefined && time !== undefined) steps[step.replace(/:.*/, "")] = milliseconds(time);
  });
  return { wholeMs: performance.now() - began, steps };
}

/** Throws, with what it said, unless it ends with 0. */
async function command(name: string, args: string[] = [], onLine: (line: string) => void = () => {}): Promise<void> {
  const child = spawn(process.execPath, [CLI, name, ...args], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      said.push(line);
      onLine(line);
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`npm run ${name} ended with ${code}:\n${said.slice(-20).join("\n")}`);
}

/** "3 min 19 s", "1.3 s" */
function milliseconds(text: string): number {
  const [, minutes = "0", rest = "0"] = /^(?:(\d+) min ?)?(?:([\d.]+) s)?$/.exec(text) ?? [];
  return (Number(minutes) * 60 + Number(rest)) * 1_000;
}

function tables(): Table[] {
  const of = (step: string) => later.map(({ steps }) => steps[step] ?? Number.NaN);
  const whole = later.map(({ wholeMs }) => wholeMs);
  const steps = [...new Set([...Object.keys(first.steps), ...later.flatMap((each) => Object.keys(each.steps))])];
  const row = (name: string, firstMs: number | undefined, taken: readonly number[]) => [
    name,
    seconds(firstMs ?? Number.NaN),
    seconds(median(taken)),
    seconds(Math.min(...taken)),
    seconds(Math.max(...taken)),
  ];
  return [
    {
      title: `Seconds; the first start ${options.cold ? "with empty caches" : "with full caches, without data"}, and ${options.runs} later ones`,
      columns: ["step", "first", "later, median", "min", "max"],
      rows: [
        ...steps
          .toSorted((a, b) => (first.steps[b] ?? 0) - (first.steps[a] ?? 0))
          .map((step) => row(step, first.steps[step], of(step))),
        row("npm start -- --detach, whole", first.wholeMs, whole),
      ],
      notes: [
        "Steps run side by side, so they do not add up. Aims: 6 minutes for the first on 2 cores where the engine is built, 2 where it is downloaded; later ones under 10 s.",
      ],
    },
  ];
}
