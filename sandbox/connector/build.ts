import { createHash } from "node:crypto";
import { globSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fillOnce } from "../cache.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run.ts";

const module = fileURLToPath(new URL(".", import.meta.url));
const ARGUMENTS = ["build", "-trimpath", "-ldflags", "-s -w"];

/**
 * Returns the path of the connector's binary, named `cloudflared`, for this machine's architecture; builds it when
 * its sources have changed since. Statically linked, so that it runs on any Linux.
 */
export async function buildConnector(cache: string, progress: Progress): Promise<string> {
  const directory = join(cache, "connector", `${process.arch}-${sourcesHash()}`);
  await fillOnce(directory, progress, async (unfinished) => {
    await checkGo();
    progress("compiling the connector");
    const part = join(unfinished, "cloudflared.part");
    const env = {
      ...process.env,
      CGO_ENABLED: "0",
      GOOS: "linux",
      GOWORK: "off",
      GOFLAGS: "-mod=readonly -buildvcs=false",
    };
    await run("go", [...ARGUMENTS, "-o", part, "."], { cwd: module, env });
    renameSync(part, join(unfinished, "cloudflared"));
  });
  return join(directory, "cloudflared");
}

/** Of everything that the binary is made from. */
function sourcesHash(): string {
  const hash = createHash("sha256").update(ARGUMENTS.join(" "));
  const sources = globSync(["go.mod", "**/*.go"], { cwd: module }).filter((file) => !file.endsWith("_test.go"));
  for (const file of sources.toSorted()) hash.update(`${file}\0`).update(readFileSync(join(module, file)));
  return hash.digest("hex").slice(0, 16);
}

/** Throws when there is no Go, or one older than go.mod asks for. */
async function checkGo(): Promise<void> {
  const needed = /^go (\d+)\.(\d+)/m.exec(readFileSync(join(module, "go.mod"), "utf8")) ?? [];
  const wanted = `Go ${needed[1]}.${needed[2]} or newer is needed to build the sandbox's connector (https://go.dev/dl/)`;
  const version = await run("go", ["env", "GOVERSION"], { env: { ...process.env, GOTOOLCHAIN: "local" } }).catch(
    (error: unknown) => {
      throw new Error(`${wanted}: ${(error as Error).message.split("\n")[0]}`, { cause: error });
    },
  );
  const found = /^go(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(found[1]) > Number(needed[1])) return;
  if (found[1] === needed[1] && Number(found[2]) >= Number(needed[2])) return;
  throw new Error(`${wanted}; this machine has ${version}`);
}
