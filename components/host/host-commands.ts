import * as pulumi from "@pulumi/pulumi";
import type { HostSettings } from "../settings/platform-settings.ts";
import { administratorScript } from "./administrator-script.ts";
import { commandLine, type HostCommand } from "./host-command.ts";
import { publicKeyLine } from "./public-key-line.ts";

export interface HostCommandsArgs {
  host: HostSettings;
  /** Of the platform's account; only its public half goes to the host. Secret. */
  sshPrivateKey: string;
  /** Public key lines that are let in as well. */
  formerKeys?: readonly string[] | undefined;
  commands: readonly HostCommand[];
}

/**
 * The platform's account on a host, and all it may do there: its commands, as root and by sudo, and nothing else, not even
 * a shell of its own. Installed with the administrator's key; docs/decisions/0016 tells why.
 */
export class HostCommands extends pulumi.ComponentResource {
  /** Known when the account can be used. */
  readonly hostId: pulumi.Output<number>;

  constructor(name: string, args: HostCommandsArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const { host, commands } = args;
    super("odoosaas:host:HostCommands", name, { hostId: host.id }, opts);
    const texts = commands.map(({ name: called, text }): [string, string] => [textVariable(called), text]);
    const script = administratorScript(
      `${name}-script`,
      {
        host,
        script: new URL("./install-commands.sh", import.meta.url),
        variables: {
          ACCOUNT: host.ssh.user,
          AUTHORIZED_KEYS: [publicKeyLine(args.sshPrivateKey), ...(args.formerKeys ?? [])].join("\n"),
          SUDOERS: sudoers(host.ssh.user, commands),
          DOOR: door(commands),
          COMMANDS: commands.map(({ name: called }) => called).join(" "),
          ...Object.fromEntries(texts),
        },
      },
      { parent: this },
    );
    this.hostId = script.id.apply(() => host.id);
    this.registerOutputs({ hostId: this.hostId });
  }
}

function textVariable(command: string): string {
  return `TEXT_${command.replaceAll("-", "_")}`;
}

function lines(commands: readonly HostCommand[]): string[] {
  return commands.flatMap(({ name, verbs }) => verbs.map((verb) => commandLine(name, verb)));
}

/** Each command with exactly one word, as root; the caller's environment stays outside. See sudoers(5). */
export function sudoers(user: string, commands: readonly HostCommand[]): string {
  const allowed = lines(commands).map((line) => line.replace(/^sudo -n /, ""));
  return [
    "# Made by the platform's stack; what is changed here is lost at its next update.",
    `Defaults:${user} env_reset, !env_keep, !env_check, !requiretty`,
    `Defaults:${user} secure_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"`,
    `${user} ALL=(root:root) NOPASSWD: ${allowed.join(", ")}`,
    "",
  ].join("\n");
}

/**
 * What sshd starts for the account instead of what is asked for (authorized_keys, command=): the same commands once more,
 * word for word, so that the key opens no shell, no file transfer and no port of the host either.
 */
export function door(commands: readonly HostCommand[]): string {
  return [
    "#!/bin/sh",
    "# Made by the platform's stack; what is changed here is lost at its next update.",
    'case "${SSH_ORIGINAL_COMMAND:-}" in',
    ...lines(commands).map((line) => `  '${line}') exec ${line} ;;`),
    "esac",
    "echo 'odoosaas: this key runs the commands of the platform and nothing else' >&2",
    "exit 126",
    "",
  ].join("\n");
}
