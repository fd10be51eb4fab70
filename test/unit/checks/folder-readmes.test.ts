import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";

const root = new URL("../../../", import.meta.url).pathname;

/** Folders that are parts of the architecture: those with modules, and the kinds and worlds of tests. */
const folders = [
  ...new Set(
    globSync(["components/**/*.ts", "automation/**/*.ts", "sandbox/**/*.ts", "bench/**/*.ts", "test/*/*.ts"], {
      cwd: root,
    }).map(dirname),
  ),
  ...globSync("test/e2e/*/*.test.ts", { cwd: root }).map(dirname),
  "test/unit",
  "test/integration",
];
const readmes = globSync("{components,automation,sandbox,bench,test}/**/README.md", { cwd: root });

test("every folder of the program, the sandbox, the measures and the tests says what it is for", () => {
  const silent = folders.filter((folder) => !existsSync(join(root, folder, "README.md")));
  assert.deepEqual([...new Set(silent)], [], "write 3 to 8 lines: what it is for, what must hold, where to start");
});

test("a folder's README is about that folder", () => {
  for (const readme of readmes) {
    const [heading = "", ...rest] = readFileSync(join(root, readme), "utf8").split("\n");
    assert.equal(heading, `# ${basename(dirname(readme))}`, readme);
    assert(rest.filter((line) => line !== "").length >= 2, `${readme} says too little`);
  }
});

test("every file that a folder's README names is there", () => {
  const lost = readmes.flatMap((readme) => {
    const folder = dirname(readme);
    const [top = ""] = folder.split("/");
    const text = readFileSync(join(root, readme), "utf8");
    return [...text.matchAll(/`((?:[\w.-]+\/)*[\w.-]+\.(?:ts|js|sh|py|sql|go|md))`/g)]
      .map(([, path = ""]) => path)
      .filter((path) => ![folder, top, ""].some((from) => existsSync(join(root, from, path))))
      .filter((path) => globSync(`${folder}/**/${path}`, { cwd: root }).length === 0)
      .map((path) => `${readme} names ${path}`);
  });
  assert.deepEqual(lost, []);
});
