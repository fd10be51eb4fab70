import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import { PROJECT } from "../../components/settings/stack-config.ts";
import { readPlatformStack } from "../engine/platform-stack.ts";
import { makeWorkDir } from "../engine/workspace.ts";
import { CliError } from "./cli-error.ts";
import { newSecret } from "./new-secret.ts";
import { operatorsPulumi, type OperatorsPulumi } from "./pulumi.ts";
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
 * the server begins with it. Until then the new passphrase is kept beside the old one, so that an interrupted command
 * goes on where it stopped.
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
      const next = `${file.path}.next`;
      // Interrupted between the platform's stack and the file, it is the new one that opens it.
      const { secrets } = await readPlatformStack(pulumi.command, pulumi.env, platform).catch((error: unknown) => {
        if (!existsSync(next)) throw error;
        return readPlatformStack(pulumi.command, { ...pulumi.env, PULUMI_CONFIG_PASSPHRASE_FILE: next }, platform);
      });
      if (secrets.provider !== "passphrase")
        throw new CliError("These stacks are encrypted by a key service: rotate the key there.");
      if (!existsSync(next)) writeFileSync(next, `${await drawn(options)}\n`, { mode: 0o600, flag: "wx" });
      const api = session.api();

      const before = (await api.ask("GET", "/api/queue"))["paused"] === true;
      await api.ask("POST", "/api/queue/pause");
      session.err.write("changes wait from now on; running ones end first\n");
      await untilIdle(session);
      const stacks = await namesOf(pulumi, platform);
      for (const [index, name] of [...stacks, platform].entries()) {
        session.err.write(`${index + 1} of ${stacks.length + 1}: ${name}\n`);
        await encryptAnew(session, name, { project: name === platform ? project : undefined, next });
      }
      file.replace(readFileSync(next, "utf8"));
      rmSync(next);
      await api.ask("POST", "/api/secrets/reload");
      if (!before && options.keepPaused !== true) await api.ask("POST", "/api/queue/unpause");
      session.print(
        session.json()
          ? JSON.stringify({ stacks: stacks.length + 1 })
          : `${stacks.length + 1} stacks are encrypted with the new passphrase, which is in ${file.path}. Keep a copy where the backups are.`,
      );
    });
}

async function drawn({ from }: Options): Promise<string> {
  if (from === undefined) return randomBytes(32).toString("base64url");
  return newSecret({ what: "passphrase", from, form: /^\S.{14,}\S$/, is: "one line of 16 characters or more" });
}

async function untilIdle(session: Session): Promise<void> {
  for (;;) {
    const { operations } = await session.api().ask("GET", "/api/operations?status=running&limit=1");
    if ((operations as unknown[]).length === 0) return;
    await setTimeout(500);
  }
}

/** All stacks of the project but the platform's. */
async function namesOf(pulumi: OperatorsPulumi, platform: string): Promise<string[]> {
  const listed = JSON.parse(await pulumi.run(["stack", "ls", "--project", PROJECT, "--json"], "", false)) as {
    name: string;
  }[];
  return listed
    .map(({ name }) => (name.includes("/") ? name : `organization/${PROJECT}/${name}`))
    .filter((name) => name !== platform);
}

/** One that has been done already is known by opening with the new passphrase. */
async function encryptAnew(
  session: Session,
  stack: string,
  { project, next }: { project: string | undefined; next: string },
): Promise<void> {
  const work = project === undefined ? await makeWorkDir(stack, { provider: "passphrase" }) : undefined;
  const directory = work?.path ?? project ?? ".";
  try {
    const pulumi = operatorsPulumi(session, directory, stack);
    await pulumi.run(["stack", "change-secrets-provider", "passphrase"], readFileSync(next, "utf8"));
  } catch (error) {
    const withNext = operatorsPulumi(
      { ...session, env: { ...session.env, PULUMI_CONFIG_PASSPHRASE_FILE: next } },
      directory,
      stack,
    );
    await withNext.run(["stack", "export", "--show-secrets"]).catch(() => {
      throw error;
    });
  } finally {
    await work?.remove();
  }
}
