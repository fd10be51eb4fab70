import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, rmSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fillOnce } from "../cache.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run.ts";
import { ENGINE_VERSION } from "./version.ts";

// https://www.pulumi.com/docs/install/ : archives and their SHA-256 list
const RELEASES = "https://get.pulumi.com/releases/sdk";

/** Time for the small checksum file: a machine without internet shall not be kept waiting. */
const ANSWER_WITHIN_MS = 3_000;

/** Bytes must keep coming: the archive has a few hundred megabytes, so its whole time says nothing. */
const STALLED_AFTER_MS = 30_000;

export function downloadedEngineDirectory(cache: string): string {
  return join(cache, "engine", `${ENGINE_VERSION}-${platform()}-official`);
}

/**
 * Downloads the official release, checks its SHA-256, and unpacks the CLI and its Node language host. `releases` is
 * where it and the list of checksums are.
 */
export async function downloadEngine(
  cache: string,
  progress: Progress,
  signal?: AbortSignal,
  releases = RELEASES,
): Promise<string> {
  return await fillOnce(downloadedEngineDirectory(cache), progress, async (unfinished) => {
    const archive = `pulumi-v${ENGINE_VERSION}-${platform()}.tar.gz`;
    progress("asking get.pulumi.com");
    const checksums = await fetchText(`${releases}/pulumi-${ENGINE_VERSION}-checksums.txt`, signal);
    const expected = checksumOf(archive, checksums);
    const file = join(unfinished, archive);
    await fetchFile(`${releases}/${archive}`, file, progress, signal);
    progress("checking the archive");
    const hash = createHash("sha256");
    await pipeline(createReadStream(file), hash);
    const actual = hash.digest("hex");
    if (actual !== expected) throw new Error(`${archive} has SHA-256 ${actual}, but ${expected} is published`);
    progress("unpacking");
    const wanted = ["pulumi/pulumi", "pulumi/pulumi-language-nodejs"];
    await run("tar", ["-xzf", file, "-C", unfinished, "--strip-components=1", "--no-same-owner", ...wanted]);
    rmSync(file);
  });
}

/** The SHA-256 of one file in a list as sha256sum writes it. */
export function checksumOf(file: string, checksums: string): string {
  for (const line of checksums.split("\n")) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === file && sum && /^[0-9a-f]{64}$/.test(sum)) return sum;
  }
  throw new Error(`the published checksums have no line for ${file}`);
}

function platform(): string {
  return `${process.platform}-${process.arch}`;
}

async function fetchText(url: string, signal?: AbortSignal): Promise<string> {
  const quick = AbortSignal.timeout(ANSWER_WITHIN_MS);
  try {
    const response = await fetch(url, { signal: signal ? AbortSignal.any([signal, quick]) : quick });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return await response.text();
  } catch (error) {
    throw new Error(`${url}: ${reason(error)}`, { cause: error });
  }
}

async function fetchFile(url: string, file: string, progress: Progress, signal?: AbortSignal): Promise<void> {
  const stalled = new AbortController();
  const alarm = setTimeout(() => stalled.abort(new Error("no data came for 30 s")), STALLED_AFTER_MS);
  try {
    const response = await fetch(url, { signal: signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal });
    if (!response.ok || !response.body) throw new Error(`it answered ${response.status}`);
    const total = Number(response.headers.get("content-length") ?? 0);
    let bytes = 0;
    const body = Readable.fromWeb(response.body);
    body.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      alarm.refresh();
      progress(`downloading ${megabytes(bytes)}${total ? ` of ${megabytes(total)}` : ""} MB`);
    });
    await pipeline(body, createWriteStream(file));
  } catch (error) {
    throw new Error(`${url}: ${reason(error)}`, { cause: error });
  } finally {
    clearTimeout(alarm);
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_000_000);
}

/** fetch hides why it failed in the cause. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
