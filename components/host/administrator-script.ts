import { readFileSync } from "node:fs";
import { Command as RemoteCommand } from "@pulumi/command/remote/command.js";
import * as pulumi from "@pulumi/pulumi";
import type { HostSettings } from "../settings/platform-settings.ts";
import { hostConnection } from "./connection.ts";
import { shellQuote } from "./shell-quote.ts";

export interface AdministratorScriptArgs {
  host: HostSettings;
  /** The script's file; its verbs are `up` and `down`, each safe twice. */
  script: URL;
  /** Variables the script reads, by name. May hold secrets: they travel by stdin and are stored encrypted. */
  variables: Readonly<Record<string, pulumi.Input<string>>>;
}

/**
 * Runs a script file on a tenant host as its administrator: `up` when created and whenever its inputs or its text change,
 * `down` when deleted. For the platform's stack only: the key is in the SSH agent of whoever runs it (SSH_AUTH_SOCK) and
 * in no configuration or state, so neither the server nor a tenant's stack can do this (docs/decisions/0016). Everything
 * comes by stdin, so nothing shows in a process list. No `triggers`: see host-command.ts.
 */
export function administratorScript(
  name: string,
  args: AdministratorScriptArgs,
  opts: pulumi.CustomResourceOptions,
): RemoteCommand {
  const text = readFileSync(args.script, "utf8");
  const user = args.host.ssh.adminUser;
  const shell = user === "root" ? "bash -s --" : "sudo -n bash -s --";
  const stdin = pulumi.all(args.variables).apply((variables) => scriptInput(text, variables));
  return new RemoteCommand(
    name,
    {
      connection: { ...hostConnection(args.host), user },
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

/** What a host's bash reads: the variables, then the script. */
function scriptInput(script: string, variables: Readonly<Record<string, string>>): string {
  const exports = Object.entries(variables).map(([key, value]) => `export ${key}=${shellQuote(value)}\n`);
  return exports.join("") + script;
}
