import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { ROTATABLE } from "../tenants/rotation.ts";
import { CliError } from "./cli-error.ts";
import { PlatformConfiguration, type ProjectOptions, withProject } from "./platform-configuration.ts";
import { QueueHold } from "./queue-hold.ts";
import { pendingRotations, rotateAll } from "./rotate-tenants.ts";
import type { Session } from "./session.ts";
import { allTenants } from "./tenant-answer.ts";
import type { TunnelAnswer } from "./tunnel-answer.ts";

interface Options extends ProjectOptions {
  readonly finish?: boolean;
}

const KEY = "masterKey";
const FORMER = "formerMasterKey";
/** Set when all that is derived is known to be on its way to the new key. */
const SINCE = "masterKeySince";

/**
 * What is derived from the former key is known to be ours until `--finish`; meanwhile each tenant, and each tunnel of a
 * container, gets the next generation of its secrets, derived from the new one. The former key in the configuration is
 * how an interrupted command is known, and gone on with.
 */
export function masterKeyRotation(rotate: Command, session: Session): void {
  withProject(rotate.command("master-key"))
    .description(
      "what tenants' own secrets are derived from: all tunnels' tokens and roles' passwords are drawn anew; the administrator's key must be in your SSH agent",
    )
    .option("--finish", "forget the former key, when nothing derived from it is in use")
    .action(async ({ finish, ...where }: Options) => {
      const platform = await PlatformConfiguration.read(session, where);
      if (finish === true) await finished(session, platform);
      else await begun(session, platform);
    });
}

async function begun(session: Session, platform: PlatformConfiguration): Promise<void> {
  // What it derives for the template's role is in a script that the host's administrator runs (docs/decisions/0016).
  if (platform.settings.template !== undefined && session.env["SSH_AUTH_SOCK"] === undefined)
    throw new CliError(
      'SSH_AUTH_SOCK is not set: hosts are changed by their administrator. Run: eval "$(ssh-agent)" && ssh-add',
    );
  let former = await platform.get(FORMER);
  const configured = await platform.get(KEY);
  if (configured === undefined) throw new CliError(`The configuration of ${platform.name} has no ${KEY}.`);
  if (former === undefined) {
    await platform.mustBeUp();
    former = configured;
    await platform.setSecret(FORMER, former);
  } else {
    session.err.write("going on with an exchange that is not finished\n");
  }
  if (configured === former) {
    if ((await platform.get(SINCE)) !== undefined) await platform.remove(SINCE);
    await platform.setSecret(KEY, randomBytes(32).toString("base64"));
  }
  // No run may derive from the new key before it is to exchange what the former made.
  const hold = new QueueHold(session, false);
  await hold.begin();
  await platform.up();
  await session.api().ask("POST", "/api/secrets/reload");
  await hold.renew();
  const queued = await rotateAll(session, ROTATABLE);
  await platform.set(SINCE, new Date().toISOString());
  await hold.end();
  if (session.json()) return session.print(JSON.stringify({ queued }));
  session.print(
    `The new key is in use, and ${queued} tenants and tunnels are queued. Keep a copy of it where the backups are. When all have followed: npm run cli -- rotate master-key --finish`,
  );
}

async function finished(session: Session, platform: PlatformConfiguration): Promise<void> {
  const isConfigured = (await platform.get(FORMER)) !== undefined;
  if (!isConfigured && platform.settings.formerMasterKey === undefined)
    throw new CliError("There is no former master key. Nothing was changed.");
  if ((await platform.get(SINCE)) === undefined)
    throw new CliError("The exchange was interrupted. Nothing was changed; run rotate master-key again first.");
  const left = await pendingRotations(session, ROTATABLE);
  if (left > 0)
    throw new CliError(`${left} secrets of the former key are still in use. Nothing was changed; try again later.`);
  const going = await deletions(session);
  if (going.length > 0)
    throw new CliError(
      `What is being deleted has secrets of the former key: ${going.join(", ")}. Nothing was changed; try again when it is gone.`,
    );
  if (isConfigured) await platform.remove(FORMER);
  await platform.up();
  await session.api().ask("POST", "/api/secrets/reload");
  session.print(session.json() ? "{}" : "The former key opens nothing, and is known to nobody here.");
}

/** Names of what is to be gone, and is not: it was not given new secrets. */
async function deletions(session: Session): Promise<string[]> {
  const { tunnels } = await session.api().ask("GET", "/api/tunnels");
  return [
    ...(await allTenants(session)).filter(({ wanted }) => wanted === "deleted").map(({ subdomain }) => subdomain),
    ...(tunnels as TunnelAnswer[]).filter(({ wanted }) => wanted === "deleted").map(({ name }) => name),
  ];
}
