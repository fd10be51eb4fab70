import { existsSync } from "node:fs";

/**
 * Why a tenant host cannot be started here, with the way out; undefined when it can. For a test of its own:
 * `test("...", { skip: missingForHost() ?? false }, ...)`. The runner asks it for the whole of test/e2e.
 */
export function missingForHost(): string | undefined {
  if (process.platform !== "linux")
    return `a tenant host needs Linux, this is ${process.platform}: use a virtual machine`;
  if (process.getuid?.() !== 0) return "a tenant host needs root: run the tests with sudo";
  if (!onPath("systemd-nspawn")) return "systemd-nspawn is missing: apt-get install systemd-container";
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

function onPath(command: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(`${folder}/${command}`));
}
