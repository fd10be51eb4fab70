import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import type { Instance, Ports } from "../instance.ts";

/** The sandbox cannot run on this machine; the message tells everything that is missing, and what works all the same. */
export class NotPossibleHere extends Error {
  constructor(problems: readonly string[]) {
    super(
      [
        "The sandbox cannot start here:",
        ...problems.map((problem) => `  - ${problem}`),
        "",
        "These work without it, on any machine with Node and without root:",
        "  npm run test:unit           the rules, in seconds",
        "  npm run test:integration    the server's parts with a PostgreSQL, in a minute or two",
        "  npm run test:components     what pulumi would make (previews with mocks)",
        "  npm run serve               the Automation API on a PostgreSQL and a platform of your own (docs/operations)",
      ].join("\n"),
    );
    this.name = "NotPossibleHere";
  }
}

/** Somebody else listens where the sandbox is to. */
export class PortsTaken extends Error {
  constructor(problems: readonly string[]) {
    super(["The sandbox cannot start:", ...problems.map((problem) => `  - ${problem}`)].join("\n"));
    this.name = "PortsTaken";
  }
}

/** What the sandbox finds of this machine. */
export interface Machine {
  platform: NodeJS.Platform;
  uid: number;
  nodeVersion: string;
  hasApt: boolean;
}

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    uid: userInfo().uid,
    nodeVersion: process.versions.node,
    hasApt: existsSync("/usr/bin/apt-get"),
  };
}

/** Everything that stands against a start on such a machine, each with the way out. */
export function missingPrerequisites(machine: Machine): string[] {
  const problems: string[] = [];
  if (Number.parseInt(machine.nodeVersion, 10) < 24) {
    problems.push(
      `Node ${machine.nodeVersion} is running this; start it by npm (npm start), which brings the Node 24 of npm ci.`,
    );
  }
  if (machine.platform !== "linux") {
    problems.push(
      `The tenant host is a Linux container, and this is ${machine.platform}: use a Debian 12 machine, virtual or not.`,
    );
  } else {
    if (machine.uid !== 0) problems.push("Containers, mounts and network links need root: run it with sudo.");
    if (!machine.hasApt)
      problems.push("The tenant host is made with Debian's apt, which is not here: use Debian 12 or later.");
  }
  return problems;
}

/** Ports of the instance that somebody else listens on, each with the way out. */
export async function takenPorts(instance: Instance): Promise<string[]> {
  const entries = Object.entries(instance.ports) as [keyof Ports, number][];
  const taken = await Promise.all(entries.map(async ([name, port]) => ((await isFree(port)) ? [] : [{ name, port }])));
  return taken
    .flat()
    .map(
      ({ name, port }) =>
        `Port ${port} (${name}) is taken. See by whom with: ss -ltnp 'sport = :${port}'. Choose another with: npm start -- --port ${name}=${port > 64_000 ? port - 1000 : port + 1000}`,
    );
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
