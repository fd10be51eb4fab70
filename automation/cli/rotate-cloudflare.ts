import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { PROJECT } from "../../components/settings/stack-config.ts";
import { readPlatformStack } from "../engine/platform-stack.ts";
import { tokenProblems } from "../secrets/cloudflare-token.ts";
import { secretId } from "../secrets/secret-id.ts";
import { CliError } from "./cli-error.ts";
import { newSecret } from "./new-secret.ts";
import { operatorsPulumi } from "./pulumi.ts";
import type { Session } from "./session.ts";

interface Options {
  readonly from?: string;
  readonly project: string;
  readonly stack?: string;
}

/** The token is tried before it replaces the present one, in the platform's stack, from whose outputs all else has it. */
export function cloudflareRotation(rotate: Command, session: Session): void {
  rotate
    .command("cloudflare")
    .description("Cloudflare's API token, as made in its dashboard; from standard input")
    .option("--from <path>", "a file that holds it")
    .option("--project <path>", "folder of Pulumi.yaml and the platform's stack file", ".")
    .option("--stack <name>", "the platform's stack (default PLATFORM_STACK, or prod)")
    .action(async ({ from, project, stack = session.env["PLATFORM_STACK"] ?? "prod" }: Options) => {
      const name = stack.includes("/") ? stack : `organization/${PROJECT}/${stack}`;
      if (!existsSync(join(project, "Pulumi.yaml")))
        throw new CliError(`There is no Pulumi.yaml in ${project}: say where the project is with --project.`);
      const api = session.api();
      const pulumi = operatorsPulumi(session, project, name);
      const { settings } = await readPlatformStack(pulumi.command, pulumi.env, name);
      const token = await newSecret({
        what: "Cloudflare token",
        from,
        form: /^[0-9A-Za-z_-]{40,80}$/,
        is: "40 to 80 characters of 0-9, A-Z, a-z, _ and -, as Cloudflare shows it once",
      });
      if (token === settings.cloudflareApiToken) throw new CliError("That is the present one. Nothing was changed.");
      session.err.write("trying the new token: zone, a tunnel, a record\n");
      const problems = await tokenProblems(settings, token);
      if (problems.length > 0)
        throw new CliError(`The new token is not fit. Nothing was changed.\n       ${problems.join("\n       ")}`);
      session.err.write("looking whether the platform's stack is as its configuration says\n");
      await pulumi.run(["preview", "--expect-no-changes"]).catch((error: unknown) => {
        throw new CliError(
          `The platform's stack has other changes waiting, which would come with the token. Bring it up first (pulumi up -s ${name}). Nothing was changed.\n${(error as Error).message}`,
        );
      });
      await pulumi.run(["config", "set", "--secret", `${PROJECT}:cloudflareApiToken`], token);
      session.err.write("bringing the platform's stack up with the new token\n");
      await pulumi.run(["up", "--yes", "--skip-preview", "--suppress-outputs"]);
      const { secrets } = await api.ask("POST", "/api/secrets/reload");
      const used = (secrets as { name: string; ids: string[] }[]).find((one) => one.name === "cloudflareApiToken")?.ids;
      if (used?.[0] !== secretId(token))
        throw new CliError("The platform's stack has the new token, but the server does not: see its log.");
      session.print(
        session.json()
          ? JSON.stringify({ name: "cloudflareApiToken", ids: used })
          : `The new token is in use (${used[0]}). Revoke the old one in Cloudflare when the operations that run now have ended: npm run cli -- operations list --status running`,
      );
    });
}
