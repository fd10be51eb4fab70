import type { Command } from "commander";
import type { Session } from "./session.ts";

interface Options {
  readonly restartOdoo?: boolean;
}

/** The host draws the password itself, and nobody else ever has it. */
export function hostRotation(rotate: Command, session: Session): void {
  rotate
    .command("host <number>")
    .description("the password of a tenant host's own PostgreSQL role (odoo_h105)")
    .option("--restart-odoo", "also what Odoo shows to PgBouncer on that host; its tenants do not answer for seconds")
    .action(async (number: string, { restartOdoo = false }: Options) => {
      const path = `/api/hosts/${encodeURIComponent(number)}/rotate`;
      const answer = await session.api().ask("POST", path, { body: { restart_odoo: restartOdoo } });
      if (session.json()) return session.print(JSON.stringify(answer));
      const { role } = answer as { role?: string };
      session.print(`The new password of ${role} is in use; the old one is of no use to PostgreSQL any more.`);
      if (!restartOdoo)
        session.print("Odoo still shows its own to the PgBouncer of its host: --restart-odoo exchanges that, too.");
    });
}
