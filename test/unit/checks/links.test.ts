import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const root = new URL("../../../", import.meta.url).pathname;
const pages = globSync(["*.md", "docs/**/*.md"], { cwd: root });

/** Files and folders that a page links to, from the repository's root; what lies elsewhere is left out. */
function linksOf(page: string): { target: string; anchor: string | undefined }[] {
  const text = readFileSync(join(root, page), "utf8").replaceAll(/^```[^]*?^```/gm, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = "", anchor] = link.split("#");
      return { target: path === "" ? page : relative(root, join(root, dirname(page), path)), anchor };
    });
}

/** As GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const headings = readFileSync(join(root, page), "utf8").matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

test("every link of a page leads to something that is there", () => {
  for (const page of pages) {
    for (const { target, anchor } of linksOf(page)) {
      assert(existsSync(join(root, target)), `${page} links to ${target}`);
      if (anchor !== undefined) assert(anchorsOf(target).has(anchor), `${page} links to ${target}#${anchor}`);
    }
  }
});

test("every page of docs/ is found from README.md", () => {
  const found = new Set(["README.md"]);
  for (const page of found) for (const { target } of linksOf(page)) if (target.endsWith(".md")) found.add(target);
  const lost = pages.filter(
    (page) => page.startsWith("docs/") && !page.startsWith("docs/decisions/") && !found.has(page),
  );
  assert.deepEqual(lost, []);
});
