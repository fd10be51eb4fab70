import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { changeRolePassword, isRolePassword } from "../secrets/platform-role.ts";
import type { ReasonKey } from "../tenants/reasons.ts";
import { CliError } from "./cli-error.ts";
import { newSecret } from "./new-secret.ts";
import { PlatformConfiguration, type ProjectOptions, withProject } from "./platform-configuration.ts";
import { QueueHold } from "./queue-hold.ts";
import { retryAll } from "./retry.ts";
import type { Session } from "./session.ts";

interface Options extends ProjectOptions {
  readonly from?: string;
}

const KEY = "postgresPassword";

/**
 * PostgreSQL knows one password of a role, so runs wait from its change until all processes have the new one, some
 * seconds; visitors come in as tenants' roles. The new one is in the configuration first: that it differs from what the
 * stack was brought up with is how an interrupted command is known, and gone on with.
 */
export function postgresRotation(rotate: Command, session: Session): void {
  withProject(rotate.command("postgres"))
    .description("the password of the platform's own PostgreSQL role; tenants are served meanwhile, and changes wait")
    .option("--from <path>", "a file that holds the new one (default: one is drawn)")
    .action(async ({ from, ...where }: Options) => {
      const api = session.api();
      const platform = await PlatformConfiguration.read(session, where);
      const present = platform.settings.postgresPassword;
      let next = await platform.get(KEY);
      if (next === undefined) throw new CliError(`The configuration of ${platform.name} has no ${KEY}.`);
      const resumed = next !== present;
      if (resumed) {
        session.err.write("going on with the password that the configuration has and the stack has not yet\n");
      } else {
        next = await drawn(from);
        if (next === present) throw new CliError("That is the present one. Nothing was changed.");
        await platform.mustBeUp();
        if (!(await isRolePassword(platform.settings, present)))
          throw new CliError("PostgreSQL refuses the present password. Nothing was changed.");
      }
      const hold = new QueueHold(session, false);
      await hold.begin();
      if (!resumed) await platform.setSecret(KEY, next);
      if (!(await isRolePassword(platform.settings, next)))
        await changeRolePassword(platform.settings, present, next).catch((error: unknown) => {
          throw new CliError(
            `The password could not be changed: ${(error as Error).message}. Run the command again when the reason is gone.`,
          );
        });
      await platform.up();
      await api.ask("POST", "/api/secrets/reload");
      await hold.end();
      // Of an earlier command that was killed when PostgreSQL alone had the new one: runs since then wait for somebody.
      await retryAll(session, "postgres-login-refused" satisfies ReasonKey);
      const { user } = platform.settings.postgres;
      session.print(
        session.json()
          ? JSON.stringify({ role: user })
          : `The new password of ${user} is in use; the old one opens nothing.`,
      );
    });
}

async function drawn(from: string | undefined): Promise<string> {
  if (from === undefined) return randomBytes(32).toString("base64url");
  return newSecret({
    what: "password",
    from,
    form: /^[\x21-\x7e]{16,100}$/,
    is: "16 to 100 characters of ASCII without blanks",
  });
}
