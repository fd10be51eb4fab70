import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const thing = `export const thing = 1;\n`;
const user = (from: string): string => `import { thing } from "${from}";\n\nexport const used = thing + 1;\n`;

const WRONG = [
  ["components to automation", "components/tenant/a.ts", "automation/db/b.ts"],
  ["components to sandbox", "components/a.ts", "sandbox/b.ts"],
  ["components to tests", "components/a.ts", "test/b.ts"],
  ["automation to sandbox", "automation/api/a.ts", "sandbox/stripe/b.ts"],
  ["automation to bench", "automation/a.ts", "bench/b.ts"],
  ["sandbox to automation", "sandbox/plugins/a.ts", "automation/b.ts"],
  ["the sandbox's life cycle to automation", "sandbox/lifecycle/a.ts", "automation/b.ts"],
  ["the program to sandbox", "index.ts", "sandbox/b.ts"],
] as const;

for (const [what, from, to] of WRONG) {
  test(`an import from ${what} is refused`, (t) => {
    const files = { [from]: user(specifier(from, to)), [to]: thing };
    assert.match(lint(t, files), /no-restricted-imports/);
  });
}

test("a dynamic import, a re-export and an import of a type against the direction are refused", (t) => {
  const output = lint(t, {
    "automation/b.ts": `export interface Thing {\n  one: string;\n}\n`,
    "components/dynamic.ts": `export const load = async (): Promise<unknown> => await import("../automation/b.ts");\n`,
    "components/again.ts": `export type { Thing } from "../automation/b.ts";\n`,
    "components/type.ts": `import type { Thing } from "../automation/b.ts";\n\nexport type Things = Thing[];\n`,
  });
  assert.equal(output.match(/no-restricted-imports/g)?.length, 3, output);
});

test("imports in the right direction are clean", (t) => {
  const output = lint(t, {
    "components/b.ts": thing,
    "automation/a.ts": user("../components/b.ts"),
    "sandbox/lifecycle/a.ts": user("../../components/b.ts"),
    "test/a.ts": `import { used } from "../automation/a.ts";\nimport { used as other } from "../sandbox/lifecycle/a.ts";\n\nexport const sum = used + other;\n`,
  });
  assert.equal(output, "");
});

test("a cycle is refused, of types as well", (t) => {
  const output = lint(t, {
    "components/a.ts": `import type { B } from "./b.ts";\n\nexport interface A {\n  b: B;\n}\n`,
    "components/b.ts": `import type { A } from "./a.ts";\n\nexport interface B {\n  a: A;\n}\n`,
  });
  assert.match(output, /no-cycle/);
});

test("a barrel file is refused", (t) => {
  assert.match(
    lint(t, { "components/b.ts": thing, "components/index.ts": `export * from "./b.ts";\n` }),
    /no-barrel-file/,
  );
});

/** What the repository's own settings say of these files. */
function lint(t: TestContext, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "lint-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of [".oxlintrc.json", "tsconfig.json"]) copyFileSync(join(repository, name), join(folder, name));
  symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const oxlint = spawnSync(join(repository, "node_modules/.bin/oxlint"), ["--format", "unix"], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.equal(oxlint.stderr, "");
  return oxlint.stdout;
}

function specifier(from: string, to: string): string {
  const up = "../".repeat(from.split("/").length - 1);
  return `${up === "" ? "./" : up}${to}`;
}
