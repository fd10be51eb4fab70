import { existsSync } from "node:fs";

/**
 * Why a tenant host cannot be started here, with the way out; undefined when it can. For a test of its own:
 * `test("...", { skip: missingForHost() ?? false }, ...)`. The runner asks it for the whole of test/e2e.
 */
export function missingForHost(): string | undefined {
  if (process.platform !== "linux")
    return `a tenant host needs Linux, this is ${process.platform}: use a Debian 12 machine`;
  if (process.getuid?.() !== 0) return "a tenant host needs root: run the tests with sudo";
  if (!existsSync("/usr/bin/apt-get")) return "a tenant host is made with Debian's apt, which is not here";
  return undefined;
}

/** Why no browser can be started here, with the way out; undefined when it can. */
export function missingForBrowser(): string | undefined {
  if (chromiumPath() !== undefined) return undefined;
  return "chromium is missing: apt-get install chromium, or set CHROMIUM_PATH";
}

/** CHROMIUM_PATH, or Debian's chromium. */
export function chromiumPath(): string | undefined {
  return [process.env["CHROMIUM_PATH"], "/usr/bin/chromium"].find((path) => path !== undefined && existsSync(path));
}
