import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = new URL("../../../", import.meta.url).pathname;
/** Characters: what a diff of two columns, or a terminal at night, still shows. */
const WIDEST = 132;

test("no line of prose is longer than a diff shows; tables, code and addresses may be", () => {
  const pages = globSync(["*.md", "docs/**/*.md", "{automation,components,sandbox,bench,test}/**/README.md"], {
    cwd: root,
  });
  const long = pages.flatMap((page) => {
    let code = false;
    return readFileSync(join(root, page), "utf8")
      .split("\n")
      .map((line, index) => ({ line, number: index + 1 }))
      .filter(({ line }) => {
        if (/^\s*```/.test(line)) code = !code;
        return !code && !line.startsWith("|") && !/https?:\/\//.test(line) && line.length > WIDEST;
      })
      .map(({ number, line }) => `${page}:${number} has ${line.length}`);
  });
  assert.deepEqual(long, []);
});
