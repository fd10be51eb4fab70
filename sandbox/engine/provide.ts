import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Progress } from "../progress.ts";
import { run } from "../run.ts";
import { buildEngine, builtEngineDirectory } from "./build.ts";
import { downloadEngine, downloadedEngineDirectory } from "./download.ts";
import { ENGINE_VERSION, isSuitable } from "./version.ts";

/** A Pulumi CLI with its Node language host. */
export interface Engine {
  /** Absolute path of `pulumi`. */
  command: string;
  /** Where `pulumi` and `pulumi-language-nodejs` are: to be put on PATH. */
  binDirectory: string;
  /** Without a leading v. */
  version: string;
  origin: EngineOrigin;
}

export type EngineOrigin = "path" | "download" | "build";

const ORIGINS: readonly EngineOrigin[] = ["path", "download", "build"];

/** No way leads to an engine; the message tells each one that was tried. */
export class NoEngine extends Error {
  constructor(tried: readonly string[]) {
    super(
      [
        `No Pulumi engine ${ENGINE_VERSION} or later could be had:`,
        ...tried.map((line) => `  - ${line}`),
        "Install Pulumi (https://www.pulumi.com/docs/install/) or Go 1.26 (https://go.dev/doc/install), then start again.",
      ].join("\n"),
    );
    this.name = "NoEngine";
  }
}

/**
 * Finds or makes the engine: a suitable `pulumi` on PATH, else one that an earlier start left in the cache, else the
 * official download, else a build from the Go modules pinned beside this file (about four minutes on two cores, once).
 * ODOO_TENANTS_ENGINE=path|download|build allows only that way. Throws NoEngine.
 */
export async function provideEngine(cache: string, progress: Progress, signal?: AbortSignal): Promise<Engine> {
  const only = process.env["ODOO_TENANTS_ENGINE"];
  if (only && !ORIGINS.includes(only as EngineOrigin)) {
    throw new Error(`ODOO_TENANTS_ENGINE is "${only}": set it to ${ORIGINS.join(", ")}, or unset it`);
  }
  const allowed = (origin: EngineOrigin) => !only || only === origin;
  const tried: string[] = [];

  if (allowed("path")) {
    const found = await findOnPath(process.env["PATH"] ?? "", tried);
    if (found) return found;
  }
  const cached = { download: downloadedEngineDirectory(cache), build: builtEngineDirectory(cache) } as const;
  for (const origin of ["download", "build"] as const) {
    if (allowed(origin) && existsSync(cached[origin])) return await verified(cached[origin], origin);
  }
  for (const [origin, make] of [
    ["download", downloadEngine],
    ["build", buildEngine],
  ] as const) {
    if (!allowed(origin)) continue;
    try {
      return await verified(await make(cache, progress, signal), origin);
    } catch (error) {
      signal?.throwIfAborted();
      tried.push(`${origin}: ${(error as Error).message}`);
    }
  }
  throw new NoEngine(tried);
}

/** The first `pulumi` on the path when it is new enough and its language host can be found; says why not in `tried`. */
async function findOnPath(path: string, tried: string[]): Promise<Engine | undefined> {
  const directories = path.split(delimiter).filter((directory) => directory !== "");
  const holds = (name: string) => (directory: string) => isExecutable(join(directory, name));
  const binDirectory = directories.find(holds("pulumi"));
  if (!binDirectory) {
    tried.push("on PATH: there is no pulumi");
    return undefined;
  }
  const command = join(binDirectory, "pulumi");
  const version = await versionOf(command).catch((error: unknown) => (error as Error).message);
  if (!isSuitable(version)) {
    tried.push(`on PATH: ${command} is ${version}, older than ${ENGINE_VERSION} or of another major version`);
    return undefined;
  }
  if (!directories.some(holds("pulumi-language-nodejs"))) {
    tried.push(`on PATH: ${command} has no pulumi-language-nodejs beside it`);
    return undefined;
  }
  return { command, binDirectory, version, origin: "path" };
}

async function verified(binDirectory: string, origin: EngineOrigin): Promise<Engine> {
  const command = join(binDirectory, "pulumi");
  const version = await versionOf(command);
  if (version !== ENGINE_VERSION || !isExecutable(join(binDirectory, "pulumi-language-nodejs"))) {
    throw new Error(
      `${binDirectory} holds pulumi ${version} instead of a whole ${ENGINE_VERSION}; remove it and start again`,
    );
  }
  return { command, binDirectory, version, origin };
}

async function versionOf(command: string): Promise<string> {
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" };
  return (await run(command, ["version"], { env, timeoutMs: 20_000 })).trim().replace(/^v/, "");
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
