import type { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { queueAll } from "./queue-all.ts";
import type { Session } from "./session.ts";
import { carriedOut, find } from "./tenant-answer.ts";

interface Options {
  readonly reason?: string;
  readonly wait: boolean;
}

export function retryCommand(tenants: Command, session: Session): void {
  tenants
    .command("retry [tenant]")
    .description("run a failed or stalled one again; check and repair any other")
    .option(
      "--reason <reason>",
      "all that are failed or stalled for this reason instead, such as cloudflare-refused; tunnels of containers, too",
    )
    .option("--no-wait", "return at once")
    .action(async (tenant: string | undefined, options: Options) => {
      if ((tenant === undefined) === (options.reason === undefined))
        throw new CliError("Name one tenant, or a --reason.");
      if (tenant === undefined) return all(session, options.reason ?? "");
      const { id } = await find(session, tenant);
      await carriedOut(session, await session.api().ask("POST", `/api/tenants/${id}/retry`), options);
    });
}

/** Queues all again that are failed or stalled for a reason: tenants, and containers' own tunnels. Returns how many. */
export async function retryAll(session: Session, reason: string): Promise<number> {
  return queueAll(session, "/api/retries", { reason });
}

async function all(session: Session, reason: string): Promise<void> {
  const queued = await retryAll(session, reason);
  if (session.json()) return session.print(JSON.stringify({ queued }));
  session.print(`${queued} queued`);
  if (queued > 0)
    session.err.write(
      "who is left: npm run cli -- tenants list --state failed,stalled; of containers' own tunnels: npm run cli -- tunnels list\n",
    );
}
