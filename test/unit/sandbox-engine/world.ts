import { chmodSync, existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rm } from "node:fs/promises";
import type { TestContext } from "node:test";
import { undoAfter } from "../../undo.ts";

/** A directory of the test's own. */
export function ownDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "odoo-tenants-"));
  undoAfter(t, () => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Sets variables of this process's environment until the test ends; undefined removes one. */
export function setEnvironment(t: TestContext, variables: Record<string, string | undefined>): void {
  const before = { ...process.env };
  undoAfter(t, () => {
    for (const name of Object.keys(variables)) set(name, before[name]);
  });
  for (const [name, value] of Object.entries(variables)) set(name, value);
}

function set(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** Puts a shell script somewhere as a program. */
export function makeProgram(directory: string, name: string, script: string): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** Makes a directory for PATH with nothing but these programs of the machine: no Go or Pulumi that it may have. */
export function fewPrograms(directory: string): string {
  mkdirSync(directory, { recursive: true });
  for (const name of ["basename", "chmod", "sleep"]) {
    symlinkSync(existsSync(`/usr/bin/${name}`) ? `/usr/bin/${name}` : `/bin/${name}`, join(directory, name));
  }
  return directory;
}
