import type { Command } from "commander";
import type { Session } from "./session.ts";
import { table } from "./terminal.ts";

interface PlanAnswer {
  readonly id: string;
  readonly connection_limit: number;
  readonly modules: readonly string[];
}

export function planCommands(program: Command, session: Session): void {
  program
    .command("plans")
    .description("the plans of the platform's configuration")
    .command("list", { isDefault: true })
    .description("each with what it gives")
    .action(async () => {
      const answer = await session.api().ask("GET", "/api/plans");
      if (session.json()) return session.print(JSON.stringify(answer, null, 2));
      const rows = (answer["plans"] as PlanAnswer[]).map(({ id, connection_limit, modules }) => [
        id,
        String(connection_limit),
        modules.join(", "),
      ]);
      session.print(table(["PLAN", "CONNECTIONS", "MODULES"], rows));
    });
}
