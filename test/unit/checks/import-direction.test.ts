import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const thing = `export const thing = 1;\n`;
const user = (from: string): string => `import { thing } from "${from}";\n\nexport const used = thing + 1;\n`;

const WRONG = [
  ["components to automation", "components/tenant/a.ts", "automation/db/b.ts"],
  ["components to sandbox", "components/a.ts", "sandbox/b.ts"],
  ["components to tests", "components/of-tests.ts", "test/b.ts"],
  ["automation to sandbox", "automation/api/a.ts", "sandbox/stripe/b.ts"],
  ["automation to bench", "automation/a.ts", "bench/b.ts"],
  ["sandbox to automation", "sandbox/plugins/a.ts", "automation/b.ts"],
  ["the sandbox's life cycle to automation", "sandbox/lifecycle/a.ts", "automation/b.ts"],
  ["the program to sandbox", "index.ts", "sandbox/b.ts"],
] as const;

const AGAINST = {
  "components/dynamic.ts": `export const load = async (): Promise<unknown> => await import("../automation/types.ts");\n`,
  "components/again.ts": `export type { Thing } from "../automation/types.ts";\n`,
  "components/type.ts": `import type { Thing } from "../automation/types.ts";\n\nexport type Things = Thing[];\n`,
};

const RIGHT = {
  "automation/types.ts": `export interface Thing {\n  one: string;\n}\n`,
  "components/c.ts": thing,
  "automation/c.ts": user("../components/c.ts"),
  "sandbox/lifecycle/c.ts": user("../../components/c.ts"),
  "test/c.ts": `import { used } from "../automation/c.ts";\nimport { used as other } from "../sandbox/lifecycle/c.ts";\n\nexport const sum = used + other;\n`,
};

const CYCLE = {
  "components/cycle-a.ts": `import type { B } from "./cycle-b.ts";\n\nexport interface A {\n  b: B;\n}\n`,
  "components/cycle-b.ts": `import type { A } from "./cycle-a.ts";\n\nexport interface B {\n  a: A;\n}\n`,
};

const BARREL = { "components/index.ts": `export * from "./c.ts";\n` };

const said = lint({
  ...Object.fromEntries(
    WRONG.flatMap(([, from, to]) => [
      [from, user(specifier(from, to))],
      [to, thing],
    ]),
  ),
  ...AGAINST,
  ...RIGHT,
  ...CYCLE,
  ...BARREL,
});

for (const [what, from] of WRONG) {
  test(`an import from ${what} is refused`, () => assert.match(of(from), /no-restricted-imports/));
}

test("a dynamic import, a re-export and an import of a type against the direction are refused", () => {
  for (const file of Object.keys(AGAINST)) assert.match(of(file), /no-restricted-imports/, file);
});

test("imports in the right direction are clean", () => {
  const clean = [...Object.keys(RIGHT), ...WRONG.map(([, , to]) => to)];
  for (const file of clean) assert.equal(of(file), "");
});

test("a cycle is refused, of types as well", () => {
  for (const file of Object.keys(CYCLE)) assert.match(of(file), /no-cycle/, file);
});

test("a barrel file is refused", () => assert.match(of("components/index.ts"), /no-barrel-file/));

/** What was said of one file. */
function of(file: string): string {
  return said
    .split("\n")
    .filter((line) => line.startsWith(`${file}:`))
    .join("\n");
}

/** What the repository's own settings say of these files; the linter's start takes more than its work. */
function lint(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "lint-"));
  try {
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
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function specifier(from: string, to: string): string {
  const up = "../".repeat(from.split("/").length - 1);
  return `${up === "" ? "./" : up}${to}`;
}
