import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { secretId } from "../secrets/secret-id.ts";
import type { ApiClient } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import { newSecret } from "./new-secret.ts";
import { SecretListFile } from "./secret-list-file.ts";
import type { Session } from "./session.ts";

interface ListOptions {
  readonly file?: string;
  readonly from?: string;
  readonly finish?: boolean;
}

/** Secrets of which the server knows several at once: the new one is put before the old, which `--finish` removes. */
export function listRotations(rotate: Command, session: Session): void {
  list(rotate.command("jwt"), session, {
    variable: "JWT_SECRET",
    description: "the key that signs tokens; tokens of the old one stay good until --finish",
    draw: async ({ from }) =>
      from === undefined
        ? randomBytes(32).toString("hex")
        : newSecret({ what: "JWT secret", from, form: /^[^\s,]{32,}$/, is: "32 characters or more, without commas" }),
    next: "When tokens of the old key have run out: npm run cli -- rotate jwt --finish",
  });
  list(rotate.command("stripe-webhook"), session, {
    variable: "STRIPE_WEBHOOK_SECRET",
    description: "the signing secret of Stripe's endpoint, as rolled in Stripe's dashboard; from standard input",
    draw: async ({ from }) =>
      newSecret({
        what: "signing secret",
        from,
        form: /^whsec_[^\s,]{16,}$/,
        is: "whsec_..., from Stripe's dashboard: Developers, Webhooks, the endpoint, Roll secret",
      }),
    next: "When Stripe's old secret has expired: npm run cli -- rotate stripe-webhook --finish",
  });
}

interface ListRotation {
  readonly variable: "JWT_SECRET" | "STRIPE_WEBHOOK_SECRET";
  readonly description: string;
  draw(options: ListOptions): Promise<string>;
  readonly next: string;
}

function list(command: Command, session: Session, { variable, description, draw, next }: ListRotation): void {
  command
    .description(description)
    .option("--file <path>", `the server's list (default ${variable}_FILE)`)
    .option("--from <path>", "a file that holds the new one")
    .option("--finish", "remove the old ones")
    .action(async (options: ListOptions) => {
      const api = session.api(); // signs with the key of now, which the server knows
      const file = new SecretListFile(`${variable}_FILE`, options.file ?? session.env[`${variable}_FILE`]);
      const present = file.read();
      const [newest] = present;
      if (newest === undefined) throw new CliError(`${file.path} is empty.`);
      if (options.finish === true) {
        file.write([newest]);
        return told(session, api, variable, [newest], undefined);
      }
      if (present.length > 1)
        throw new CliError(
          `A rotation is under way: ${file.path} holds ${present.length}. End it first with --finish.`,
        );
      const drawn = await draw(options);
      if (drawn === newest) throw new CliError("That is the present one. Nothing was changed.");
      file.write([drawn, newest]);
      await told(session, api, variable, [drawn, newest], next);
    });
}

/** The file is what counts; the server, when it can be asked, is told at once and has to confirm. */
async function told(
  session: Session,
  api: ApiClient,
  variable: string,
  secrets: string[],
  next: string | undefined,
): Promise<void> {
  const ids = secrets.map(secretId);
  const answer = await api.ask("POST", "/api/secrets/reload").catch((error: unknown) => {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(`The file is written, and read when the server starts. But now: ${error.message}`);
  });
  const used = answer["secrets"] as { name: string; ids: string[] }[] | undefined;
  const seen = used?.find(({ name }) => name === variable)?.ids ?? [];
  if (seen.join() !== ids.join()) {
    throw new CliError(
      `The file is written, but the server uses ${seen.join(", ") || "none"} instead of ${ids.join(", ")}. Does it read this file (${variable}_FILE)? Its log tells what it found.`,
    );
  }
  if (session.json()) return session.print(JSON.stringify({ name: variable, ids }));
  session.print(`${variable}: ${ids.length === 1 ? "one is" : "both are"} in use now (${ids.join(", ")}).`);
  if (next !== undefined) session.print(next);
}
