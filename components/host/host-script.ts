import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as command from "@pulumi/command";
import type { HostSettings } from "../settings/platform-settings.ts";
import { hostConnection } from "./connection.ts";

export interface HostScriptArgs {
  host: HostSettings;
  /** OpenSSH private key. Secret. */
  sshPrivateKey: pulumi.Input<string>;
  /** The script's file; its verbs are `up` and `down`, each safe twice. Of several, the last calls what the others define. */
  script: URL | readonly URL[];
  /** Variables the script reads, by name. May hold secrets: they travel by stdin and are stored encrypted. */
  variables: Readonly<Record<string, pulumi.Input<string>>>;
}

/**
 * Runs a script file on a tenant host: `up` when created and whenever its inputs or its text change, `down` when
 * deleted. Everything comes by stdin, so nothing shows in a process list and the host keeps no copy
 * (docs/decisions/0011). No `triggers`: they would replace, and the old `down` would undo the new `up`.
 */
export function hostScript(
  name: string,
  args: HostScriptArgs,
  opts: pulumi.CustomResourceOptions,
): command.remote.Command {
  const text = scriptText(args.script);
  const stdin = pulumi.all(args.variables).apply((variables) => scriptInput(text, variables));
  const shell = args.host.ssh.user === "root" ? "bash -s --" : "sudo -n bash -s --";
  return new command.remote.Command(
    name,
    {
      connection: hostConnection(args.host, args.sshPrivateKey),
      create: `${shell} up`,
      update: `${shell} up`,
      delete: `${shell} down`,
      stdin: pulumi.secret(stdin),
      // What a script printed last time is no input of the next run.
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}

export function scriptText(script: HostScriptArgs["script"]): string {
  return [script]
    .flat()
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
}

/** What a host's bash reads: the variables, then the script. */
export function scriptInput(script: string, variables: Readonly<Record<string, string>>): string {
  const exports = Object.entries(variables).map(([key, value]) => `export ${key}=${shellQuote(value)}\n`);
  return exports.join("") + script;
}

/** A word that any POSIX shell reads as exactly this text. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
