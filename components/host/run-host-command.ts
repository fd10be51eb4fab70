import { Command as RemoteCommand } from "@pulumi/command/remote/command.js";
import * as pulumi from "@pulumi/pulumi";
import type { HostSettings } from "../settings/platform-settings.ts";
import { hostConnection } from "./connection.ts";
import { commandInput, commandLine, type HostCommand } from "./host-command.ts";

export interface HostCommandRun {
  host: HostSettings;
  /** OpenSSH private key of the platform's account. Secret. */
  sshPrivateKey: pulumi.Input<string>;
  command: HostCommand;
  /** May hold secrets: they travel by stdin and are stored encrypted. */
  variables: Readonly<Record<string, pulumi.Input<string>>>;
}

/**
 * A command's `up` when created and whenever its inputs or its text change, its `down` when deleted. No `triggers`: they
 * would replace, and the old `down` would undo the new `up`. Deletion gets the variables of the last `up`, whichever
 * release that was.
 */
export function runHostCommand(name: string, args: HostCommandRun, opts: pulumi.CustomResourceOptions): RemoteCommand {
  const { name: called, version } = args.command;
  const stdin = pulumi.all(args.variables).apply((variables) => commandInput({ VERSION: version, ...variables }));
  return new RemoteCommand(
    name,
    {
      connection: {
        ...hostConnection(args.host),
        user: args.host.ssh.user,
        privateKey: pulumi.secret(args.sshPrivateKey),
      },
      create: commandLine(called, "up"),
      update: commandLine(called, "up"),
      delete: commandLine(called, "down"),
      stdin: pulumi.secret(stdin),
      // What a command printed last time is no input of the next run.
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}
