import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { checksumOf, downloadedEngineDirectory, downloadEngine } from "../../../sandbox/engine/download.ts";
import { undoAfter } from "../../undo.ts";
import { makeProgram, ownDirectory } from "../../unit/sandbox-engine/world.ts";

const ARCHIVE = `pulumi-v3.259.0-${process.platform}-${process.arch}.tar.gz`;

/** A server with a release like Pulumi's: an archive with more programs than are wanted, and a list of checksums. */
async function release(t: TestContext, directory: string, checksum?: string): Promise<string> {
  for (const name of ["pulumi", "pulumi-language-nodejs", "pulumi-language-go"]) {
    makeProgram(join(directory, "pulumi"), name, "echo v3.259.0");
  }
  execFileSync("tar", ["-czf", join(directory, ARCHIVE), "-C", directory, "pulumi"]);
  const archive = readFileSync(join(directory, ARCHIVE));
  const sum = checksum ?? createHash("sha256").update(archive).digest("hex");
  const files = new Map<string, Buffer>([
    [`/${ARCHIVE}`, archive],
    ["/pulumi-3.259.0-checksums.txt", Buffer.from(`${"0".repeat(64)}  other.tar.gz\n${sum}  ${ARCHIVE}\n`)],
  ]);
  const server = createServer((req, res) => {
    const file = files.get(req.url ?? "");
    res.writeHead(file ? 200 : 404).end(file);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  undoAfter(t, () => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("the official release is unpacked when its checksum is the published one", async (t) => {
  const directory = ownDirectory(t);
  const url = await release(t, directory);
  const bin = await downloadEngine(join(directory, "cache"), () => {}, undefined, url);
  assert.equal(bin, downloadedEngineDirectory(join(directory, "cache")));
  assert.deepEqual(readdirSync(bin).toSorted(), ["pulumi", "pulumi-language-nodejs"]);
  assert.equal(execFileSync(join(bin, "pulumi"), { encoding: "utf8" }), "v3.259.0\n");
});

test("an archive with another checksum is not unpacked", async (t) => {
  const directory = ownDirectory(t);
  const url = await release(t, directory, "f".repeat(64));
  const cache = join(directory, "cache");
  await assert.rejects(
    downloadEngine(cache, () => {}, undefined, url),
    /has SHA-256 [0-9a-f]{64}, but f{64} is published/,
  );
  assert.equal(existsSync(downloadedEngineDirectory(cache)), false);
});

test("a server that lacks the release, or is not there, is told with its address", async (t) => {
  const directory = ownDirectory(t);
  const url = await release(t, directory);
  await assert.rejects(
    downloadEngine(directory, () => {}, undefined, `${url}/nowhere`),
    /nowhere\/pulumi-3\.259\.0-checksums\.txt: it answered 404/,
  );
  await assert.rejects(
    downloadEngine(directory, () => {}, undefined, "http://127.0.0.1:1"),
    /127\.0\.0\.1:1/,
  );
});

test("a list of checksums without the file is refused", () => {
  const sum = "a".repeat(64);
  assert.equal(checksumOf("a.tar.gz", `${sum} *a.tar.gz\n`), sum);
  assert.throws(() => checksumOf("b.tar.gz", `${sum}  a.tar.gz\n`), /no line for b\.tar\.gz/);
  assert.throws(() => checksumOf("a.tar.gz", "short  a.tar.gz\n"), /no line for a\.tar\.gz/);
});
