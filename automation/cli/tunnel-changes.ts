import type { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { confirmed } from "./confirmed.ts";
import type { Session } from "./session.ts";
import { carriedOut, type WaitOption } from "./tenant-answer.ts";
import type { TunnelAnswer } from "./tunnel-answer.ts";

interface NewTunnel extends WaitOption {
  readonly subscription: string;
  readonly host: string;
  readonly port: string;
  readonly hostname?: string;
}

/** What is done to the tunnels of containers that are no tenants; a tenant's go with their tenant, as the API says. */
export function tunnelChanges(tunnels: Command, session: Session): void {
  tunnels
    .command("create")
    .description("a way in to a container that is no tenant")
    .requiredOption("--subscription <id>", "whose it is: Stripe's subscription, or any id of your own")
    .requiredOption("--host <number>", "the container's number")
    .requiredOption("--port <number>", "port that its server listens on")
    .option("--hostname <name>", "right below the platform's domain; default: made from the subscription's id")
    .option("--no-wait", "return at once")
    .action(async ({ subscription, host, port, hostname, ...options }: NewTunnel) => {
      const body = {
        subscription_id: subscription,
        container_id: numeric("--host", host),
        local_port: numeric("--port", port),
        ...(hostname !== undefined && { hostname }),
      };
      await carriedOut(session, await session.api().ask("POST", "/api/tunnels", { body }), options);
    });

  const change = (verb: string, description: string): void => {
    tunnels
      .command(`${verb} <tunnel>`)
      .description(description)
      .option("--no-wait", "return at once")
      .action(async (id: string, options: WaitOption) => {
        const answer = await session.api().ask("POST", `/api/tunnels/${encodeURIComponent(id)}/${verb}`);
        await carriedOut(session, answer, options);
      });
  };
  change("retry", "run a failed or stalled one again; check and repair any other");
  change("unlock", "run it again, and break its stack's locks: whoever made them must be dead");
  change("preview", "what a run would change");
  change("rotate", "draw its token anew while visitors are served");

  tunnels
    .command("delete <tunnel>")
    .description("unit, tunnel and record go; the container stays")
    .option("--yes", "do not ask")
    .option("--no-wait", "return at once")
    .action(async (id: string, options: WaitOption & { readonly yes?: boolean }) => {
      const path = `/api/tunnels/${encodeURIComponent(id)}`;
      if (options.yes !== true) {
        const { name, deployment } = (await session.api().ask("GET", path))["tunnel"] as TunnelAnswer;
        await confirmed(session, `The way in to ${deployment.url}`, "tunnel's name", name);
      }
      await carriedOut(session, await session.api().ask("DELETE", path), options);
    });
}

function numeric(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new CliError(`${option}: "${text}" is no number.`);
  return Number(text);
}
