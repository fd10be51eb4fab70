import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = new URL("../../../", import.meta.url);

// Pulumi's SDK takes half a second of a processor and 60 MiB. The engine's threads load it (engine/program-thread.ts).
for (const program of ["automation/main.ts", "automation/cli.ts"]) {
  test(`${program} does not load Pulumi's SDK`, () => {
    assert.deepEqual(waysToSdk(new URL(program, root)), []);
  });
}

test("the threads' module does, so this looks at imports rightly", () => {
  assert.notDeepEqual(waysToSdk(new URL("automation/engine/stack-program.ts", root)), []);
});

/** Chains of imports from a module to `@pulumi/...`; those of types, and those made while it runs, load nothing. */
function waysToSdk(module: URL, seen = new Set<string>()): string[] {
  if (seen.has(module.href)) return [];
  seen.add(module.href);
  const here = relative(fileURLToPath(root), fileURLToPath(module));
  const imports = readFileSync(module, "utf8").matchAll(/^(?:import|export)\s(?!type\s)(?:[^;"]*\sfrom\s)?"([^"]+)"/gm);
  return [...imports].flatMap(([, specifier = ""]) => {
    if (specifier.startsWith("@pulumi/")) return [`${here} > ${specifier}`];
    if (!specifier.startsWith(".")) return [];
    return waysToSdk(new URL(specifier, module), seen).map((way) => `${here} > ${way}`);
  });
}
