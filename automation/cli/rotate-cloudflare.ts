import type { Command } from "commander";
import { tokenProblems } from "../secrets/cloudflare-token.ts";
import { secretId } from "../secrets/secret-id.ts";
import { CliError } from "./cli-error.ts";
import { newSecret } from "./new-secret.ts";
import { PlatformConfiguration, type ProjectOptions, withProject } from "./platform-configuration.ts";
import type { Session } from "./session.ts";

interface Options extends ProjectOptions {
  readonly from?: string;
}

/** The token is tried before it replaces the present one, in the platform's stack, from whose outputs all else has it. */
export function cloudflareRotation(rotate: Command, session: Session): void {
  withProject(rotate.command("cloudflare"))
    .description("Cloudflare's API token, as made in its dashboard; from standard input")
    .option("--from <path>", "a file that holds it")
    .action(async ({ from, ...where }: Options) => {
      const api = session.api();
      const platform = await PlatformConfiguration.read(session, where);
      const { settings } = platform;
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
      await platform.mustBeUp();
      await platform.setSecret("cloudflareApiToken", token);
      await platform.up();
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
