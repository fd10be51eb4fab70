import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { relative } from "node:path";
import { missingForBrowser, missingForHost } from "./needs.ts";

/** One folder of test/ and how its files are run. */
export interface Suite {
  readonly name: string;
  /** Its tests start hosts: they take minutes and are shown one by one, and what they leave behind is looked for. */
  readonly hosts: boolean;
  /** Files that run side by side. */
  readonly atOnce: number;
  /** For one test or hook, milliseconds. */
  readonly timeoutMs: number;
  /** Why this machine cannot run it, with the way out; undefined when it can. */
  readonly missing: () => string | undefined;
}

const nothing = (): undefined => undefined;

/** Quick ones first, so that a plain mistake shows in seconds. */
export const SUITES: readonly Suite[] = [
  // Two more than there are processors: some wait.
  { name: "unit", hosts: false, atOnce: availableParallelism() + 2, timeoutMs: 30_000, missing: nothing },
  { name: "integration", hosts: false, atOnce: availableParallelism() + 2, timeoutMs: 30_000, missing: nothing },
  { name: "components", hosts: false, atOnce: availableParallelism(), timeoutMs: 60_000, missing: nothing },
  // The first test on a clean machine waits for the engine's build and the host's tree: minutes.
  // Two side by side: they wait (for retries, leases, Cloudflare's windows) more than they compute.
  { name: "e2e", hosts: true, atOnce: 2, timeoutMs: 20 * 60_000, missing: missingForHost },
  { name: "browser", hosts: true, atOnce: 1, timeoutMs: 20 * 60_000, missing: missingForBrowser },
];

/** Absolute paths of a suite's files whose path, from the repository's root, contains one of `parts` (all when empty). */
export function filesOf(suite: Suite, root: string, parts: readonly string[]): string[] {
  return globSync(`${root}/test/${suite.name}/**/*.test.ts`)
    .filter((file) => parts.length === 0 || parts.some((part) => relative(root, file).includes(part)))
    .toSorted();
}
