import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import type { RotatableSecret } from "../tenants/rotation.ts";
import { CliError } from "./cli-error.ts";
import { queueAll } from "./queue-all.ts";
import type { Session } from "./session.ts";
import { carriedOut, find } from "./tenant-answer.ts";

interface Options {
  readonly all?: boolean;
  readonly wait: boolean;
}

/** Secrets of a tenant's own, which the server draws and brings into use. */
export function tenantRotations(rotate: Command, session: Session): void {
  const add = (name: string, secret: RotatableSecret, description: string): void => {
    rotate
      .command(`${name} [tenant]`)
      .description(description)
      .option("--all", "of all tenants (and of containers that are none), behind all other work")
      .option("--no-wait", "return at once")
      .action(async (tenant: string | undefined, options: Options) => {
        if ((tenant === undefined) === (options.all !== true)) throw new CliError("Name one tenant, or say --all.");
        if (tenant === undefined) return all(session, secret, options);
        const { id } = await find(session, tenant);
        const answer = await session.api().ask("POST", `/api/tenants/${id}/rotate`, { body: { secrets: [secret] } });
        await carriedOut(session, answer, options);
      });
  };
  add("tunnel", "tunnel", "the token of a tenant's tunnel");
  add("database", "database", "the password of a tenant's PostgreSQL role");
}

async function all(session: Session, secret: RotatableSecret, { wait }: Options): Promise<void> {
  const queued = await rotateAll(session, [secret]);
  session.err.write(`${queued} are queued\n`);
  for (let left = Infinity; wait && left > 0; await setTimeout(left > 0 ? 1_000 : 0)) {
    const now = await pendingRotations(session, [secret]);
    if (now !== left) session.err.write(`${now} to go\n`);
    left = now;
  }
  session.print(session.json() ? JSON.stringify({ queued, done: wait }) : wait ? "All are in use." : "Under way.");
}

/** Queues all tenants and tunnels of containers for these secrets. Returns how many. */
export async function rotateAll(session: Session, secrets: readonly RotatableSecret[]): Promise<number> {
  return queueAll(session, "/api/rotations", { secrets });
}

/** How many of these secrets are not in use yet. */
export async function pendingRotations(session: Session, secrets: readonly RotatableSecret[]): Promise<number> {
  const { pending } = (await session.api().ask("GET", "/api/rotations")) as { pending?: Record<string, number> };
  return secrets.reduce((sum, secret) => sum + (pending?.[secret] ?? 0), 0);
}
