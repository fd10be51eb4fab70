import type { TestContext } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { chromiumPath, missingForBrowser } from "../needs.ts";
import { undoAfter } from "../undo.ts";

export interface PageOptions {
  /** Errors on the console that this page may have, such as a resource that is refused on purpose. Default: none. */
  readonly allow?: readonly RegExp[];
  /** CSS pixels. Default 1280 x 800. */
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: "light" | "dark";
}

/**
 * A page of a browser of its own, closed when the test ends. The test fails when the page had an error on its console
 * or an uncaught exception, whatever else it saw. Names under `.localhost` lead to this machine without any set-up.
 */
export async function openPage(t: TestContext, options: PageOptions = {}): Promise<Page> {
  const browser = await launch();
  undoAfter(t, () => browser.close());
  const page = await browser.newPage({
    viewport: options.viewport ?? { width: 1280, height: 800 },
    colorScheme: options.colorScheme ?? "light",
  });
  const problems = watch(page, options.allow ?? []);
  undoAfter(t, () => {
    if (problems.length > 0) throw new Error(`the page had errors:\n${problems.map((one) => `- ${one}`).join("\n")}`);
  });
  return page;
}

async function launch(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error(missingForBrowser());
  const root = process.getuid?.() === 0;
  return await chromium.launch({
    executablePath,
    headless: true,
    // Chromium refuses its sandbox to root; /dev/shm is small in containers.
    args: [...(root ? ["--no-sandbox"] : []), "--disable-dev-shm-usage", "--disable-gpu"],
    // Its profile is a folder that playwright removes; signals are undo.ts's business.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}

/** Fills as the page goes on. */
function watch(page: Page, allow: readonly RegExp[]): string[] {
  const problems: string[] = [];
  const note = (text: string): void => {
    if (!allow.some((pattern) => pattern.test(text))) problems.push(text);
  };
  page.on("console", (message) => {
    if (message.type() === "error") note(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => note(`uncaught ${error.stack ?? error.message}`));
  return problems;
}
