import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildConnector } from "../../../sandbox/connector/build.ts";
import { cacheDirectory } from "../../../sandbox/directories.ts";
import { run } from "../../../sandbox/run.ts";
import { undoAfter } from "../../undo.ts";

const hasGo = (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, "go")));
const skip = hasGo ? false : "Go is not installed (https://go.dev/dl/)";

test("the connector's own tests pass", { skip }, async () => {
  const cwd = fileURLToPath(new URL("../../../sandbox/connector", import.meta.url));
  await run("go", ["test", "./..."], { cwd });
});

test("the connector is built once, into the cache, under cloudflared's name", { skip }, async () => {
  const binary = await buildConnector(cacheDirectory(), () => {});
  assert.match(binary, /\/connector\/[a-z0-9]+-[0-9a-f]{16}\/cloudflared$/);
  const steps: string[] = [];
  const [again, same] = await Promise.all(
    [0, 1].map(() => buildConnector(cacheDirectory(), (doing) => steps.push(doing))),
  );
  assert.deepEqual([again, same, steps], [binary, binary, []]);
  assert.match(await run(binary, ["--version"]), /^cloudflared version \d{4}\.\d+\.\d+\+sandbox /);
  assert.match(await run(binary, ["version", "--short"]), /^\d{4}\.\d+\.\d+\+sandbox$/);
});

function emptyCache(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "connector-cache-"));
  undoAfter(t, () => rmSync(folder, { recursive: true }));
  return folder;
}

test("without Go, or with one that is too old, the build says what is needed", async (t) => {
  const path = process.env["PATH"];
  undoAfter(t, () => void (process.env["PATH"] = path));
  const cache = emptyCache(t);
  process.env["PATH"] = "/nowhere";
  await assert.rejects(
    buildConnector(cache, () => {}),
    /Go 1\.26 or newer is needed to build the sandbox's connector.*could not be started/,
  );
  process.env["PATH"] = fileURLToPath(new URL("./old-go", import.meta.url)) + `:${path}`;
  await assert.rejects(
    buildConnector(cache, () => {}),
    /Go 1\.26 or newer is needed.*; this machine has go1\.19\.8/,
  );
});
