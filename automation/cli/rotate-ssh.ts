import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import { publicKeyLine } from "../../components/host/public-key-line.ts";
import { newSshKeyPair } from "../../components/host/ssh-key-pair.ts";
import type { HostSettings } from "../../components/settings/platform-settings.ts";
import { connect } from "../api/host/ssh-connection.ts";
import { CliError } from "./cli-error.ts";
import { PlatformConfiguration, type ProjectOptions, withProject } from "./platform-configuration.ts";
import type { Session } from "./session.ts";

const KEY = "sshPrivateKey";
const FORMER = "sshFormerKeys";

/**
 * Hosts let the new key in beside the former, each tries it, the server goes over to it, and the former goes. Hosts are
 * changed by their administrator only (docs/decisions/0016), so the platform's stack does it, with the operator's agent.
 * The former key's line in the configuration is how an interrupted command is known, and gone on with.
 */
export function sshRotation(rotate: Command, session: Session): void {
  withProject(rotate.command("ssh-key"))
    .description("the key of the platform's account on all hosts; the administrator's key must be in your SSH agent")
    .action(async (where: ProjectOptions) => {
      if (session.env["SSH_AUTH_SOCK"] === undefined)
        throw new CliError(
          'SSH_AUTH_SOCK is not set: hosts are changed by their administrator. Run: eval "$(ssh-agent)" && ssh-add',
        );
      const api = session.api();
      const platform = await PlatformConfiguration.read(session, where);
      const { hosts } = platform.settings;
      const configured = await platform.get(KEY);
      if (configured === undefined) throw new CliError(`The configuration of ${platform.name} has no ${KEY}.`);
      let former = formerIn(await platform.get(FORMER));
      if (former === undefined) {
        await platform.mustBeUp();
        former = publicKeyLine(configured);
        await platform.setOnly(FORMER, former);
      } else {
        session.err.write("going on with an exchange that was interrupted\n");
      }
      let next = configured;
      if (publicKeyLine(next) === former) {
        next = newSshKeyPair("odoosaas").privateKey;
        await platform.setSecret(KEY, next);
      }
      await platform.up(); // both are let in
      for (const host of hosts) await tried(host, next);
      await api.ask("POST", "/api/secrets/reload");
      session.err.write("the server uses the new key; what it began with the former one ends first\n");
      await untilDone(session);
      await platform.setOnly(FORMER, undefined);
      await platform.up(); // the former one no longer
      session.print(
        session.json()
          ? JSON.stringify({ hosts: hosts.map(({ id }) => id), key: publicKeyLine(next) })
          : `${hosts.length} hosts let the new key in, and the former one no longer.`,
      );
    });
}

function formerIn(text: string | undefined): string | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as string[])[0];
}

/** A login alone: the door lets nothing else through that would change nothing. */
async function tried(host: HostSettings, key: string): Promise<void> {
  const client = await connect(host, key).catch((error: unknown) => {
    throw new CliError(
      `${(error as Error).message} Both keys stay let in, and the server goes on with the former one. Run the command again when the reason is gone.`,
    );
  });
  client.end();
}

/** Until the operations that run now have ended. */
async function untilDone(session: Session): Promise<void> {
  const running = async (): Promise<number[]> => {
    const { operations } = await session.api().ask("GET", "/api/operations?status=running&limit=200");
    return (operations as { id: number }[]).map(({ id }) => id);
  };
  const begun = new Set(await running());
  while ((await running()).some((id) => begun.has(id))) await setTimeout(500);
}
