import type { Command } from "commander";
import { CliError } from "./cli-error.ts";
import type { Session } from "./session.ts";
import { facts, table } from "./terminal.ts";

interface QueueAnswer {
  readonly paused: boolean;
  readonly depth: Readonly<Record<string, number>>;
  readonly dead_letters: readonly {
    readonly id: string;
    readonly queue: string;
    readonly data: Readonly<Record<string, unknown>>;
    readonly failed_at: string;
    readonly error: string | null;
  }[];
}

export function queueCommands(program: Command, session: Session): void {
  const queue = program.command("queue").description("work that waits, and work that is out of tries");

  queue
    .command("show")
    .description("depth, and the newest dead letters")
    .action(async () => {
      const answer = await session.api().ask("GET", "/api/queue");
      if (session.json()) return session.print(JSON.stringify(answer, null, 2));
      const { paused, depth, dead_letters: dead } = answer as unknown as QueueAnswer;
      session.print(facts({ paused: paused ? "yes" : "no", ...depth }));
      if (dead.length === 0) return;
      const rows = dead.map(({ id, queue: name, data, failed_at, error }) => [
        id,
        name,
        JSON.stringify(data),
        failed_at,
        error ?? "",
      ]);
      session.print(`\n${table(["DEAD LETTER", "QUEUE", "OF", "FAILED", "ERROR"], rows)}`);
    });

  for (const [verb, alias, description, done] of [
    ["pause", undefined, "hand out no more runs, on all workers; running ones end (role admin)", "paused"],
    ["unpause", "resume", "hand out runs again (role admin)", "going on"],
  ] as const) {
    const command = queue.command(verb).description(description);
    if (alias !== undefined) command.alias(alias);
    command.action(async () => {
      const answer = await session.api().ask("POST", `/api/queue/${verb}`);
      session.print(session.json() ? JSON.stringify(answer, null, 2) : done);
    });
  }

  queue
    .command("retry [dead-letter]")
    .description("queue a dead letter again, or --all of them")
    .option("--all", "all that are shown")
    .action(async (id: string | undefined, { all }: { all?: boolean }) => {
      if ((id === undefined) !== (all === true)) throw new CliError("Name one dead letter, or say --all.");
      const ids = id === undefined ? await deadLetters(session) : [id];
      for (const each of ids)
        await session.api().ask("POST", `/api/queue/dead-letters/${encodeURIComponent(each)}/retry`);
      session.print(session.json() ? JSON.stringify({ queued: ids }) : `${ids.length} queued again`);
    });
}

async function deadLetters(session: Session): Promise<string[]> {
  const { dead_letters } = (await session.api().ask("GET", "/api/queue")) as unknown as QueueAnswer;
  return dead_letters.map(({ id }) => id);
}
