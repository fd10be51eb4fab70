import { type Command, Option } from "commander";
import { ROLES, type Role } from "../api/auth/roles.ts";
import { mintToken } from "../api/auth/tokens.ts";
import { signingSecret } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import type { Session } from "./session.ts";

export function tokenCommands(program: Command, session: Session): void {
  program
    .command("token")
    .description("for the API")
    .command("create")
    .description("a token signed by JWT_SECRET (its first, when there are several); printed once, kept nowhere")
    .addOption(new Option("--role <role>", "what it may do").choices(ROLES).makeOptionMandatory())
    .requiredOption("--sub <name>", "whom it stands for: shown in the audit log")
    .option("--expires <span>", "how long it is good for: 15m, 1h, 30 days", "1h")
    .action(async ({ role, sub, expires }: { role: Role; sub: string; expires: string }) => {
      const secret = signingSecret(session.env);
      if (secret === undefined) throw new CliError("There is nothing to sign with: set JWT_SECRET or JWT_SECRET_FILE.");
      if (secret.length < 32)
        throw new CliError("JWT_SECRET must have at least 32 characters; make one with: openssl rand -hex 32");
      try {
        const token = await mintToken(secret, { role, subject: sub, expires });
        session.print(session.json() ? JSON.stringify({ token, role, sub, expires }) : token);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        throw new CliError(`--expires: "${expires}" is no time span; say 15m, 1h or 30 days.`);
      }
    });
}
