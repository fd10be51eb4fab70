import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Command } from "commander";
import { PROJECT } from "../../components/settings/stack-config.ts";
import { nextPassphraseFile } from "../engine/passphrase.ts";
import { readPlatformStack } from "../engine/platform-stack.ts";
import { forgetEarlierStates } from "../engine/state-history.ts";
import { CliError } from "./cli-error.ts";
import { encryptConfiguration, encryptState, type Exchange, hasNext } from "./encrypt-anew.ts";
import { newSecret } from "./new-secret.ts";
import { operatorsPulumi, type OperatorsPulumi } from "./pulumi.ts";
import { QueueHold } from "./queue-hold.ts";
import { SecretListFile } from "./secret-list-file.ts";
import type { Session } from "./session.ts";

interface Options {
  readonly from?: string;
  readonly project: string;
  readonly stack?: string;
  readonly keepPaused?: boolean;
}

/**
 * Stacks are encrypted anew one after another, while no run of the engine changes them; the platform's own last, since
 * the server begins with it. Until the end the new passphrase is kept beside the old one: an interrupted command goes on
 * where it stopped, and the server opens each stack with the one that fits meanwhile (engine/passphrase.ts).
 */
export function passphraseRotation(rotate: Command, session: Session): void {
  rotate
    .command("passphrase")
    .description("what stacks' states are encrypted with; tenants are served meanwhile, and changes wait")
    .option("--from <path>", "a file that holds the new one (default: one is drawn)")
    .option("--project <path>", "folder of Pulumi.yaml and the platform's stack file", ".")
    .option("--stack <name>", "the platform's stack (default PLATFORM_STACK, or prod)")
    .option("--keep-paused", "do not let runs go on: other machines must be given the new one first")
    .action(async (options: Options) => {
      const { project, stack = session.env["PLATFORM_STACK"] ?? "prod" } = options;
      const platform = stack.includes("/") ? stack : `organization/${PROJECT}/${stack}`;
      if (!existsSync(join(project, "Pulumi.yaml")))
        throw new CliError(`There is no Pulumi.yaml in ${project}: say where the project is with --project.`);
      const file = new SecretListFile(
        "PULUMI_CONFIG_PASSPHRASE_FILE",
        session.env["PULUMI_CONFIG_PASSPHRASE"] === undefined
          ? session.env["PULUMI_CONFIG_PASSPHRASE_FILE"]
          : undefined,
      );
      const pulumi = operatorsPulumi(session, project, platform);
      const env: Record<string, string> = { ...pulumi.env, PULUMI_CONFIG_PASSPHRASE_FILE: file.path };
      const { secrets } = await readPlatformStack(pulumi.command, env, platform);
      if (secrets.provider !== "passphrase")
        throw new CliError("These stacks are encrypted by a key service: rotate the key there.");
      const next = nextPassphraseFile(file.path);
      removeUnfinished(file.path);
      const resumed = await placeNext(next, file.path, options);
      const exchange = { command: pulumi.command, env, next };

      const hold = new QueueHold(session, options.keepPaused === true);
      await hold.begin();
      const count = await encryptAll(session, exchange, { pulumi, platform, hold, resumed });
      await encryptConfiguration(exchange, platform, project);
      file.replace(readFileSync(next, "utf8"));
      await session.api().ask("POST", "/api/secrets/reload");
      const forgotten = await forgetEarlierStates(env["PULUMI_BACKEND_URL"] ?? "");
      rmSync(next); // last: with it the command goes on from anywhere
      await hold.end();
      if (session.json()) return session.print(JSON.stringify({ stacks: count }));
      session.print(
        `${count} stacks are encrypted with the new passphrase, which is in ${file.path}. Keep a copy where the backups are.`,
      );
      if (!forgotten)
        session.print(
          "Earlier states in the backend's history and backups still open with the old one: remove them there.",
        );
    });
}

/** Puts the new passphrase in its place, as a whole, for whoever may read the present one. True when it was there: an earlier command was interrupted. */
async function placeNext(next: string, present: string, options: Options): Promise<boolean> {
  if (existsSync(next)) {
    if (options.from !== undefined && (await drawn(options)) !== readFileSync(next, "utf8").trim())
      throw new CliError(
        `A rotation was interrupted that has a new passphrase already (${next}). End that first: run the command without --from.`,
      );
    return true;
  }
  const unfinished = `${next}.${process.pid}`;
  try {
    writeFileSync(unfinished, `${await drawn(options)}\n`, { mode: 0o600 });
    const { uid, gid, mode } = statSync(present);
    chownSync(unfinished, uid, gid);
    chmodSync(unfinished, mode & 0o777);
    linkSync(unfinished, next); // fails when another command has been quicker
  } finally {
    rmSync(unfinished, { force: true });
  }
  return false;
}

/** Copies of a passphrase that a command left which was killed while it put one in place. */
function removeUnfinished(path: string): void {
  const unfinished = /^(\.next\.\d+|\.\d+\.new)$/;
  for (const name of readdirSync(dirname(path)))
    if (name.startsWith(basename(path)) && unfinished.test(name.slice(basename(path).length)))
      rmSync(join(dirname(path), name));
}

async function drawn({ from }: Options): Promise<string> {
  if (from === undefined) return randomBytes(32).toString("base64url");
  return newSecret({ what: "passphrase", from, form: /^\S.{14,}\S$/, is: "one line of 16 characters or more" });
}

interface Stacks {
  readonly pulumi: OperatorsPulumi;
  readonly platform: string;
  readonly hold: QueueHold;
  /** Some may have been done before. */
  readonly resumed: boolean;
}

/** Returns how many there are. */
async function encryptAll(session: Session, exchange: Exchange, stacks: Stacks): Promise<number> {
  const { pulumi, platform, hold, resumed } = stacks;
  const order = [...(await namesOf(pulumi, platform)), platform];
  /** The last that had been done: the one that the earlier command was at, perhaps, and whose lock it left. */
  let doneBefore: string | undefined;
  for (const [index, name] of order.entries()) {
    await hold.renew();
    const done = resumed && (await hasNext(exchange, name));
    session.err.write(`${index + 1} of ${order.length}: ${name}${done ? " (done before)" : ""}\n`);
    if (done) {
      doneBefore = name;
      if (index < order.length - 1) continue;
    }
    if (doneBefore !== undefined) await encryptState(exchange, doneBefore, true);
    doneBefore = undefined;
    if (!done) await encryptState(exchange, name);
  }
  return order.length;
}

/** All stacks of the project but the platform's, always in the same order. */
async function namesOf(pulumi: OperatorsPulumi, platform: string): Promise<string[]> {
  const listed = JSON.parse(await pulumi.run(["stack", "ls", "--project", PROJECT, "--json"], "", false)) as {
    name: string;
  }[];
  return listed
    .map(({ name }) => (name.includes("/") ? name : `organization/${PROJECT}/${name}`))
    .filter((name) => name !== platform)
    .toSorted();
}
