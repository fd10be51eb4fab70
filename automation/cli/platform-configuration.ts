import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { PROJECT } from "../../components/settings/stack-config.ts";
import { readPlatformStack } from "../engine/platform-stack.ts";
import { CliError } from "./cli-error.ts";
import { operatorsPulumi, type OperatorsPulumi } from "./pulumi.ts";
import type { Session } from "./session.ts";

export interface ProjectOptions {
  readonly project: string;
  readonly stack?: string;
}

/** Says where the platform's stack is operated from. */
export function withProject(command: Command): Command {
  return command
    .option("--project <path>", "folder of Pulumi.yaml and the platform's stack file", ".")
    .option("--stack <name>", "the platform's stack (default PLATFORM_STACK, or prod)");
}

/** The platform's stack: what it was last brought up with, and its configuration, which may be ahead of that. */
export class PlatformConfiguration {
  readonly name: string;
  readonly settings: PlatformSettings;
  readonly #pulumi: OperatorsPulumi;
  readonly #session: Session;

  private constructor(session: Session, name: string, settings: PlatformSettings, pulumi: OperatorsPulumi) {
    this.name = name;
    this.settings = settings;
    this.#pulumi = pulumi;
    this.#session = session;
  }

  static async read(session: Session, { project, stack }: ProjectOptions): Promise<PlatformConfiguration> {
    const given = stack ?? session.env["PLATFORM_STACK"] ?? "prod";
    const name = given.includes("/") ? given : `organization/${PROJECT}/${given}`;
    if (!existsSync(join(project, "Pulumi.yaml")))
      throw new CliError(`There is no Pulumi.yaml in ${project}: say where the project is with --project.`);
    const pulumi = operatorsPulumi(session, project, name);
    const { settings } = await readPlatformStack(pulumi.command, pulumi.env, name);
    return new PlatformConfiguration(session, name, settings, pulumi);
  }

  /** Refuses when an `up` would bring other changes along. */
  async mustBeUp(): Promise<void> {
    this.#session.err.write("looking whether the platform's stack is as its configuration says\n");
    await this.#pulumi.run(["preview", "--expect-no-changes"]).catch((error: unknown) => {
      throw new CliError(
        `The platform's stack has other changes waiting, which would come with this one. Bring it up first (pulumi up -s ${this.name}). Nothing was changed.\n${(error as Error).message}`,
      );
    });
  }

  /** A value of the configuration as text. Undefined when it is not set. */
  async get(key: string): Promise<string | undefined> {
    const all = JSON.parse(await this.#pulumi.run(["config", "--json", "--show-secrets"])) as Record<
      string,
      { value?: string }
    >;
    return all[`${PROJECT}:${key}`]?.value;
  }

  async setSecret(key: string, value: string): Promise<void> {
    await this.#pulumi.run(["config", "set", "--secret", `${PROJECT}:${key}`], value);
  }

  async set(key: string, value: string): Promise<void> {
    await this.#pulumi.run(["config", "set", `${PROJECT}:${key}`, value]);
  }

  async remove(key: string): Promise<void> {
    await this.#pulumi.run(["config", "rm", `${PROJECT}:${key}`]);
  }

  /** The one entry of a list that is not secret; undefined removes the list. */
  async setOnly(key: string, entry: string | undefined): Promise<void> {
    const args = entry === undefined ? ["rm", `${PROJECT}:${key}`] : ["set", "--path", `${PROJECT}:${key}[0]`, entry];
    await this.#pulumi.run(["config", ...args]);
  }

  async up(): Promise<void> {
    this.#session.err.write("bringing the platform's stack up\n");
    await this.#pulumi.run(["up", "--yes", "--skip-preview", "--suppress-outputs"]);
  }
}
