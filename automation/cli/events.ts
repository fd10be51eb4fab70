import type { Command } from "commander";
import type { Session } from "./session.ts";
import { facts, table } from "./terminal.ts";

interface EventAnswer {
  readonly id: string;
  readonly type: string;
  readonly received_at: string;
  readonly subscription_id: string | null;
  readonly outcome: string | null;
  readonly detail: string | null;
}

export function eventCommands(program: Command, session: Session): void {
  const events = program.command("events").description("what Stripe has sent");

  events
    .command("list")
    .description("the newest first")
    .option("--outcome <outcome>", "applied, ignored, task or unhandled")
    .option("--type <type>", "such as invoice.paid")
    .option("--subscription <id>", "of one subscription")
    .option("--limit <n>", "how many", "20")
    .action(async ({ subscription, ...rest }: Record<string, string>) => {
      const query = new URLSearchParams({
        ...rest,
        ...(subscription !== undefined && { subscription_id: subscription }),
      });
      const answer = await session.api().ask("GET", `/api/events?${query.toString()}`);
      if (session.json()) return session.print(JSON.stringify(answer, null, 2));
      const rows = (answer["events"] as EventAnswer[]).map((event) => [
        event.id,
        event.type,
        event.received_at,
        event.subscription_id ?? "",
        event.outcome ?? "unhandled",
        event.detail ?? "",
      ]);
      session.print(table(["ID", "TYPE", "RECEIVED", "SUBSCRIPTION", "OUTCOME", "DETAIL"], rows));
    });

  events
    .command("show <event>")
    .description("one with its body as it came (role operator: it names the customer)")
    .action(async (id: string) => {
      const answer = await session.api().ask("GET", `/api/events/${encodeURIComponent(id)}`);
      const { body, ...rest } = answer["event"] as Record<string, unknown>;
      if (session.json()) return session.print(JSON.stringify(answer, null, 2));
      session.print(facts(rest));
      session.print(JSON.stringify(body, null, 2));
    });

  events
    .command("replay <event>")
    .description("handle it again: what counts is what Stripe says about the subscription now")
    .action(async (id: string) => {
      const answer = await session.api().ask("POST", `/api/events/${encodeURIComponent(id)}/replay`);
      session.print(session.json() ? JSON.stringify(answer, null, 2) : `event ${id} is queued`);
    });
}
