import type { Command } from "commander";
import type { Session } from "./session.ts";
import { table } from "./terminal.ts";

interface AuditLineAnswer {
  readonly id: number;
  readonly at: string;
  readonly actor: string;
  readonly source: string | null;
  readonly action: string;
  readonly subject_type: string;
  readonly subject_id: string;
}

export function auditList(audit: Command, session: Session): void {
  audit
    .command("list")
    .description("the newest first; --json tells before and after, too")
    .option("--tenant <number>", "of one tenant")
    .option("--actor <name>", "by one person or program, such as user:me")
    .option("--action <action>", "such as tenant.suspend")
    .option("--limit <n>", "how many", "20")
    .action(async ({ tenant, ...rest }: Record<string, string>) => {
      const query = new URLSearchParams({
        ...rest,
        ...(tenant !== undefined && { subject_type: "tenant", subject_id: tenant }),
      });
      const answer = await session.api().ask("GET", `/api/audit?${query.toString()}`);
      if (session.json()) return session.print(JSON.stringify(answer, null, 2));
      const rows = (answer["lines"] as AuditLineAnswer[]).map((line) => [
        String(line.id),
        line.at,
        line.actor,
        line.source ?? "",
        line.action,
        `${line.subject_type} ${line.subject_id}`,
      ]);
      session.print(table(["LINE", "AT", "BY", "FROM", "ACTION", "OF"], rows));
    });
}
