import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fillOnce } from "../cache.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run.ts";
import { ENGINE_VERSION, LANGUAGE_HOST_VERSION } from "./version.ts";

const GO_VERSION = "1.26";

interface Binary {
  name: string;
  /** Directory with go.mod and go.sum that pin every module. */
  module: string;
  package: string;
  /** The linker sets the version that the program tells. */
  variable: string;
  version: string;
}

const BINARIES: readonly Binary[] = [
  {
    name: "pulumi",
    module: fileURLToPath(new URL("./cli", import.meta.url)),
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    variable: "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
    version: ENGINE_VERSION,
  },
  {
    name: "language-nodejs",
    module: fileURLToPath(new URL("./language-nodejs", import.meta.url)),
    package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
    variable: "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
    version: LANGUAGE_HOST_VERSION,
  },
];

/**
 * What the engine starts as its Node language host. The host of this version takes the project's runtime options as
 * flags, and today's engine sends them otherwise: without this flag the host would load ts-node and fail, where Node
 * runs the TypeScript by itself (`typescript: false` in Pulumi.yaml).
 */
const LANGUAGE_HOST = `#!/bin/sh
exec "$(dirname "$0")/language-nodejs" -typescript=false "$@"
`;

/** The cache's key follows everything that the build is made from. */
export function builtEngineDirectory(cache: string): string {
  const hash = createHash("sha256").update(LANGUAGE_HOST);
  for (const binary of BINARIES) {
    hash.update(JSON.stringify([binary.package, goArguments(binary, "")]));
    for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(binary.module, file)));
  }
  return join(
    cache,
    "engine",
    `${ENGINE_VERSION}-${process.platform}-${process.arch}-built-${hash.digest("hex").slice(0, 12)}`,
  );
}

/**
 * Builds CLI and language host. Go's module and build caches (GOMODCACHE, GOCACHE) keep what is done, so that a build
 * that was interrupted goes on where it stopped.
 */
export async function buildEngine(cache: string, progress: Progress, signal?: AbortSignal): Promise<string> {
  const build = async (unfinished: string) => {
    await checkGo();
    let compiled = 0;
    const onLine = (line: string) => {
      if (line.startsWith("go: downloading ")) progress(`downloading modules (${line.split(" ")[2]})`);
      else if (/^[a-z0-9.-]+(\/\S+)*$/i.test(line)) progress(`compiling, ${++compiled} packages so far`);
    };
    progress("asking Go for the modules");
    const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly", GOWORK: "off" };
    // All are waited for, so that none still writes when the next start begins.
    const results = await Promise.allSettled(
      BINARIES.map(async (binary) => {
        const output = join(unfinished, binary.name);
        if (existsSync(output)) return; // an interrupted start had finished this one
        await run("go", goArguments(binary, `${output}.part`), {
          cwd: binary.module,
          env,
          onLine,
          ...(signal && { signal }),
        });
        renameSync(`${output}.part`, output);
      }),
    );
    for (const result of results) if (result.status === "rejected") throw result.reason;
    writeFileSync(join(unfinished, "pulumi-language-nodejs"), LANGUAGE_HOST, { mode: 0o755 });
  };
  return await fillOnce(builtEngineDirectory(cache), progress, build, { resumable: true });
}

function goArguments(binary: Binary, output: string): string[] {
  const linker = `-s -w -X ${binary.variable}=v${binary.version}`;
  // Without debugging information, which the linker would throw away: a tenth less work.
  return ["build", "-v", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", linker, "-o", output, binary.package];
}

async function checkGo(): Promise<void> {
  const needed = `Go ${GO_VERSION} is needed to build Pulumi's engine`;
  // Asked in the module's folder, where a somewhat older Go fetches the toolchain that go.mod asks for.
  const asked = run("go", ["env", "GOVERSION"], { cwd: BINARIES[0]?.module ?? "." });
  const version = await asked.catch((error: unknown) => {
    throw new Error(`${needed}: ${(error as Error).message.split("\n")[0]}`, { cause: error });
  });
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
  const [wantedMajor, wantedMinor] = GO_VERSION.split(".");
  if (major === wantedMajor && Number(minor) >= Number(wantedMinor)) return;
  throw new Error(`${needed}, and this machine has ${version}`);
}
