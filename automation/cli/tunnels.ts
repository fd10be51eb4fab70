import type { Command } from "commander";
import type { Session } from "./session.ts";
import { facts, table } from "./terminal.ts";
import type { TunnelAnswer } from "./tunnel-answer.ts";
import { type TunnelSides, tunnelSides } from "./tunnel-sides.ts";
import { tunnelChanges } from "./tunnel-changes.ts";

interface LogLine {
  readonly at: string;
  readonly message: string;
}

export function tunnelCommands(program: Command, session: Session): void {
  const tunnels = program.command("tunnels").description("the ways in");
  const shown = (answer: unknown, text: () => string): void =>
    session.print(session.json() ? JSON.stringify(answer, null, 2) : text());

  tunnels
    .command("list")
    .description("all, with the state last seen")
    .action(async () => {
      const answer = await session.api().ask("GET", "/api/tunnels");
      const rows = (answer["tunnels"] as TunnelAnswer[]).map(({ name, status, id, deployment }) => [
        name,
        status,
        String(deployment.container_id),
        id,
        deployment.url,
      ]);
      shown(answer, () => table(["NAME", "STATUS", "HOST", "CLOUDFLARE ID", "URL"], rows));
    });

  tunnels
    .command("show <tunnel>")
    .description("as last recorded; by name or Cloudflare id")
    .action(async (id: string) => {
      const { tunnel } = await session.api().ask("GET", `/api/tunnels/${encodeURIComponent(id)}`);
      const { deployment, state, state_reason: reason, ...seen } = tunnel as TunnelAnswer;
      shown(tunnel, () =>
        facts({
          name: seen.name,
          "cloudflare id": seen.id,
          url: deployment.url,
          status: seen.status,
          state: reason === null ? state : `${state} (${reason})`,
          detail: seen.state_detail,
          "next step": seen.next_step,
          guide: seen.guide,
          wanted: seen.wanted,
          tenant: deployment.subdomain,
          host: deployment.container_id,
          port: deployment.local_port,
          subscription: deployment.subscription_id,
        }),
      );
    });

  tunnelChanges(tunnels, session);

  tunnels
    .command("status <tunnel>")
    .description("what Cloudflare and the host say now; by name or Cloudflare id")
    .action(async (id: string) => {
      const answer = await session.api().ask("GET", `/api/tunnels/${encodeURIComponent(id)}/status`);
      shown(answer, () => tunnelSides(answer as unknown as TunnelSides));
    });

  tunnels
    .command("logs <tunnel>")
    .description("the connector's journal")
    .option("--lines <n>", "how many of the last", "100")
    .option("--follow", "and each new one, until Ctrl-C")
    .action(async (id: string, { lines, follow }: { lines: string; follow?: boolean }) => {
      const path = `/api/tunnels/${encodeURIComponent(id)}/logs?lines=${encodeURIComponent(lines)}`;
      const line = (entry: LogLine): string =>
        session.json() ? JSON.stringify(entry) : `${entry.at}  ${entry.message}`;
      if (follow === true) {
        for await (const { event, data } of session.api().follow(path)) {
          if (event === "line") session.print(line(data as LogLine));
          else session.err.write(`${JSON.stringify(data)}\n`);
        }
        return;
      }
      for (const entry of (await session.api().ask("GET", path))["logs"] as LogLine[]) session.print(line(entry));
    });

  tunnels
    .command("restart <tunnel>")
    .description("restart the connector, and wait until it is connected")
    .action(async (id: string) => {
      const answer = await session.api().ask("POST", `/api/tunnels/${encodeURIComponent(id)}/restart`);
      const { success: _success, ...rest } = answer;
      shown(answer, () => facts(rest));
    });
}
