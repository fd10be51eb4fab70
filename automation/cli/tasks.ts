import type { Command } from "commander";
import type { Session } from "./session.ts";

interface TaskAnswer {
  readonly id: number;
  readonly kind: string;
  readonly subscription_id: string | null;
  readonly tenant_id: number | null;
  readonly detail: string;
  readonly remedy: string;
  readonly created_at: string;
  readonly resolved_at: string | null;
}

export function taskCommands(program: Command, session: Session): void {
  const tasks = program.command("tasks").description("what waits for a person (docs/lifecycle.md)");

  tasks
    .command("list")
    .description("the open ones, newest first")
    .option("--all", "the resolved ones too")
    .option("--kind <kind>", "such as subdomain-taken")
    .option("--limit <n>", "how many", "50")
    .action(async ({ all, kind, limit }: { all?: boolean; kind?: string; limit: string }) => {
      const query = new URLSearchParams({
        limit,
        resolved: all === true ? "all" : "false",
        ...(kind !== undefined && { kind }),
      });
      const answer = await session.api().ask("GET", `/api/tasks?${query.toString()}`);
      if (session.json()) return session.print(JSON.stringify(answer, null, 2));
      const found = answer["tasks"] as TaskAnswer[];
      for (const { id, kind: what, detail, remedy, created_at, resolved_at } of found) {
        session.print(`${id}  ${what}  ${created_at}${resolved_at === null ? "" : `  resolved ${resolved_at}`}`);
        session.print(`   ${detail}\n   → ${remedy}`);
      }
      session.print(`${found.length} task${found.length === 1 ? "" : "s"}`);
    });

  tasks
    .command("resolve <id>")
    .description("mark one as done; most close by themselves when their cause is gone")
    .action(async (id: string) => {
      const answer = await session.api().ask("POST", `/api/tasks/${encodeURIComponent(id)}/resolve`);
      session.print(session.json() ? JSON.stringify(answer, null, 2) : `task ${id} is resolved`);
    });
}
