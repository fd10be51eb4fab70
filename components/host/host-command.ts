import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { FieldError } from "../field-error.ts";
import { shellQuote } from "./shell-quote.ts";

/** Where a host keeps the platform's commands; root's alone to write. Part of the sudoers entry, so never to be changed. */
export const COMMAND_DIRECTORY = "/usr/local/lib/odoosaas";

/** Something that the platform's account may do on a host, installed there by the platform's stack (host-commands.ts). */
export interface HostCommand {
  name: string;
  /** Its one argument. Empty for what only other commands run. */
  verbs: readonly string[];
  /** The whole program. */
  text: string;
  /** Of its text and so of its fixed values too: 12 hex digits. */
  version: string;
}

const VARIABLES = readFileSync(new URL("./variables.sh", import.meta.url), "utf8");

/**
 * A command made of a script file (of several, the last calls what the others define) and what is fixed on this host.
 * Whatever a caller could turn against the host (addresses, paths, programs, users) belongs to `fixed`; the rest comes
 * by standard input and is checked (variables.sh).
 */
export function hostCommand(
  name: string,
  verbs: readonly string[],
  script: URL | readonly URL[],
  fixed: Readonly<Record<string, string>>,
): HostCommand {
  const values = Object.entries(fixed).map(([key, value]) => `readonly ${key}=${shellQuote(value)}\n`);
  const texts = [script].flat().map((file) => readFileSync(file, "utf8"));
  const body = [...values, VARIABLES, ...texts].join("");
  const version = createHash("sha256").update(body).digest("hex").slice(0, 12);
  const head = "#!/bin/bash\n# Installed by the platform's stack; what is changed here is lost at its next update.\n";
  return { name, verbs, version, text: `${head}readonly COMMAND_VERSION=${version}\n${body}` };
}

/** What an account with nothing but the platform's sudoers entry runs; no shell has anything to expand in it. */
export function commandLine(name: string, verb: string): string {
  return `sudo -n ${COMMAND_DIRECTORY}/${name} ${verb}`;
}

/** Variables as a command reads them. Throws FieldError for a value that is not one line. */
export function commandInput(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => {
      if (/[\n\0]/.test(value)) {
        throw new FieldError(`${name} has a line end in it`, {
          field: name,
          value: "(not shown)",
          remedy: "Use one line.",
        });
      }
      return `${name}=${value}\n`;
    })
    .join("");
}
