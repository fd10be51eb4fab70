import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { test } from "node:test";
import type { Command } from "commander";
import { ACCESS } from "../../../automation/api/access.ts";
import { commandLine } from "../../../automation/cli/command-line.ts";
import { FEW, MANY, type ReasonKey, REASONS } from "../../../automation/tenants/reasons.ts";

// What people are told to type, to call or to open is there.
const root = new URL("../../../", import.meta.url).pathname;
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const pages = globSync(["*.md", "docs/**/*.md", "{automation,components,sandbox,bench,test}/**/README.md"], {
  cwd: root,
}).filter((page) => page !== "CHANGELOG.md");

const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
const cli = commandLine({ env: {}, out: nowhere, err: nowhere });

/** Words after `npm run cli --` up to the first that is an argument: names of commands, and options anywhere. */
function unknownWord(text: string): string | undefined {
  let at: Command = cli;
  let arguments_ = false;
  for (const word of text.trim().split(/\s+/)) {
    if (word.startsWith("--")) {
      const [option = ""] = word.split("=");
      const known = [...at.options, ...cli.options].some(({ long }) => long === option) || option === "--help";
      if (!known) return word;
    } else if (!arguments_ && at.commands.length > 0) {
      const next = at.commands.find((one) => one.name() === word || one.aliases().includes(word));
      if (next === undefined) return word;
      at = next;
    } else arguments_ = true;
  }
  return undefined;
}

test("every command of the server's command line that a page names is there, with its options", () => {
  const lost = pages.flatMap((page) =>
    [...read(page).matchAll(/npm run (?:-s )?cli -- ([^`\n|#>&)"]+)/g)]
      .map(([, text = ""]) => ({
        text,
        word: unknownWord(text.split(/ \.\.\.|[,;:.]\s/)[0]?.replace(/[.,;:]$/, "") ?? ""),
      }))
      .filter(({ word }) => word !== undefined)
      .map(({ text, word }) => `${page}: ${text.trim()} (${word})`),
  );
  assert.deepEqual(lost, []);
});

test("every npm script that a page names is there", () => {
  const scripts = (JSON.parse(read("package.json")) as { scripts: object }).scripts;
  const lost = pages.flatMap((page) =>
    [...read(page).matchAll(/npm run (?:-s )?([a-z][\w:-]*)/g)]
      .map(([, name = ""]) => name)
      .filter((name) => !(name in scripts))
      .map((name) => `${page}: npm run ${name}`),
  );
  assert.deepEqual(lost, []);
});

test("every route that a page names with its method is one of the API's", () => {
  const general = (path: string): string => path.replaceAll(/\{\w+\}/g, "{}");
  const routes = new Set(Object.keys(ACCESS).map((route) => general(route)));
  const lost = pages.flatMap((page) =>
    [...read(page).matchAll(/`(GET|POST|PATCH|DELETE) (\/(?:api|webhook)\/[\w/{}.-]+|\/metrics|\/openapi\.json)/g)]
      .filter(([, method = "", path = ""]) => !routes.has(`${method} ${general(path)}`))
      .map(([text]) => `${page}: ${text}`),
  );
  assert.deepEqual(lost, []);
});

test("every path of the repository that a page of docs/ names is there", () => {
  const lost = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...globSync("docs/**/*.md", { cwd: root })].flatMap(
    (page) =>
      [...read(page).matchAll(/`((?:automation|components|sandbox|bench|test|docs|\.ci|\.github)\/[\w./-]*)`/g)]
        .map(([, path = ""]) => path)
        .filter((path) => ![root, join(root, dirname(page))].some((from) => existsSync(join(from, path))))
        .map((path) => `${page}: ${path}`),
  );
  assert.deepEqual(lost, []);
});

test("the guide has a section for each reason, which says how it is retried and what to look at", () => {
  const sections = read("docs/operations/stalled-tenants.md").split(/^## /m).slice(1);
  const titles = sections.map((section) => section.split("\n")[0] ?? "");
  assert.deepEqual(titles.toSorted(), Object.keys(REASONS).toSorted());
  const words = { never: "never", soon: "always", few: "five times", many: "twelve times" };
  assert.deepEqual([FEW, MANY], [5, 12]);
  for (const section of sections) {
    const { retried } = REASONS[section.split("\n")[0] as ReasonKey];
    assert(section.includes(`\nRetried: ${words[retried]}`), `it is retried ${words[retried]}: ${section}`);
    assert.match(section, /\*\*Look at\*\*[^]*\*\*Then\*\*/, section);
  }
});
