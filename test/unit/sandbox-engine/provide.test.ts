import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { provideEngine } from "../../../sandbox/engine/provide.ts";
import { makeProgram, ownDirectory, setEnvironment, fewPrograms } from "./world.ts";

const quiet = () => {};

/** A Go that "builds" programs which tell the version the linker was given, and writes down how it was called. */
const GO = `
if [ "$1 $2" = "env GOVERSION" ]; then echo "\${FAKE_GO:-go1.26.8}"; exit; fi
echo "$PWD $CGO_ENABLED $*" >> "$GO_LOG"
while [ "$1" != "-ldflags" ]; do shift; done
version=\${2##*Version=v}
while [ "$1" != "-o" ]; do shift; done
[ "$FAKE_GO_FAILS" = "$(basename "$2" .part)" ] && { echo "no space left" >&2; exit 1; }
printf '#!/bin/sh\\necho v%s\\n' "$version" > "$2"; chmod +x "$2"`;

function world(t: TestContext, more: Record<string, string> = {}) {
  const directory = ownDirectory(t);
  makeProgram(join(directory, "go"), "go", GO);
  const log = join(directory, "go.log");
  const system = fewPrograms(join(directory, "system"));
  setEnvironment(t, {
    PATH: `${join(directory, "go")}:${system}`,
    GO_LOG: log,
    FAKE_GO: undefined,
    FAKE_GO_FAILS: undefined,
    ODOO_TENANTS_ENGINE: undefined,
    ...more,
  });
  return {
    directory,
    system,
    cache: join(directory, "cache"),
    builds: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []),
  };
}

test("a pulumi on PATH that is new enough is used as it is", async (t) => {
  const { directory, cache, system } = world(t);
  const bin = join(directory, "bin");
  makeProgram(bin, "pulumi", "echo v3.260.1");
  makeProgram(bin, "pulumi-language-nodejs", "");
  setEnvironment(t, { PATH: `${bin}:${system}` });
  assert.deepEqual(await provideEngine(cache, quiet), {
    command: join(bin, "pulumi"),
    binDirectory: bin,
    version: "3.260.1",
    origin: "path",
  });
  assert.equal(existsSync(cache), false);
});

test("a pulumi that is too old, or lacks its language host, is passed over", async (t) => {
  const { directory, cache, system } = world(t, { ODOO_TENANTS_ENGINE: "path" });
  const bin = join(directory, "bin");
  setEnvironment(t, { PATH: `${bin}:${system}` });
  makeProgram(bin, "pulumi", "echo v3.100.0");
  await assert.rejects(provideEngine(cache, quiet), /pulumi is 3\.100\.0, older than 3\.259\.0[\s\S]*Install Pulumi/);
  makeProgram(bin, "pulumi", "echo v3.300.0");
  await assert.rejects(provideEngine(cache, quiet), /has no pulumi-language-nodejs/);
});

test("without any, it is built once from the pinned modules, with its version linked in", async (t) => {
  const { cache, builds } = world(t, { ODOO_TENANTS_ENGINE: "build" });
  const engine = await provideEngine(cache, quiet);
  assert.equal(engine.version, "3.259.0");
  assert.equal(engine.origin, "build");
  assert.deepEqual(readdirSync(engine.binDirectory).toSorted(), [
    "language-nodejs",
    "pulumi",
    "pulumi-language-nodejs",
  ]);
  const [cli, host] = builds().toSorted();
  assert.match(cli ?? "", /sandbox\/engine\/cli 0 build .*-trimpath .*Version=v3\.259\.0 .*\/pkg\/v3\/cmd\/pulumi$/);
  assert.match(host ?? "", /sandbox\/engine\/language-nodejs 0 build .*Version=v3\.66\.0 .*pulumi-language-nodejs$/);
  assert.deepEqual(await provideEngine(cache, quiet), engine);
  assert.equal(builds().length, 2, "the second time finds it in the cache");
});

test("two starts at once build it only once", async (t) => {
  const { cache, builds } = world(t, { ODOO_TENANTS_ENGINE: "build" });
  const [one, other] = await Promise.all([provideEngine(cache, quiet), provideEngine(cache, quiet)]);
  assert.deepEqual(one, other);
  assert.equal(builds().length, 2);
});

test("a build that failed half-way leaves no engine, and the next one does only the rest", async (t) => {
  const { cache, builds } = world(t, { ODOO_TENANTS_ENGINE: "build", FAKE_GO_FAILS: "pulumi" });
  await assert.rejects(provideEngine(cache, quiet), /No Pulumi engine[\s\S]*no space left/);
  setEnvironment(t, { FAKE_GO_FAILS: undefined });
  await provideEngine(cache, quiet);
  assert.equal(builds().filter((line) => line.includes("cmd/pulumi-language-nodejs")).length, 1);
  assert.equal(builds().length, 3);
});

test("an interrupted build is told as interrupted, not as impossible", async (t) => {
  const { directory, cache } = world(t, { ODOO_TENANTS_ENGINE: "build" });
  makeProgram(join(directory, "go"), "go", '[ "$1" = env ] && echo go1.26.8 || exec sleep 60');
  const interrupt = AbortSignal.timeout(200);
  await assert.rejects(provideEngine(cache, quiet, interrupt), (error: Error) => error.name === "TimeoutError");
});

test("a Go that is missing or too old is told with what to install", async (t) => {
  const { directory, cache } = world(t, { ODOO_TENANTS_ENGINE: "build", FAKE_GO: "go1.19.8" });
  await assert.rejects(
    provideEngine(cache, quiet),
    /Go 1\.26 is needed[^\n]*this machine has go1\.19\.8[\s\S]*Install Pulumi .* or Go 1\.26/,
  );
  rmSync(join(directory, "go"), { recursive: true });
  await assert.rejects(provideEngine(cache, quiet), /Go 1\.26 is needed[^\n]*could not be started/);
});

test("a cached engine that tells another version is not trusted", async (t) => {
  const { cache } = world(t, { ODOO_TENANTS_ENGINE: "build" });
  const { binDirectory } = await provideEngine(cache, quiet);
  makeProgram(binDirectory, "pulumi", "echo v3.1.0");
  await assert.rejects(provideEngine(cache, quiet), /holds pulumi 3\.1\.0 .*remove it and start again/);
});

test("an unknown origin is refused with the known ones", async (t) => {
  const { cache } = world(t, { ODOO_TENANTS_ENGINE: "docker" });
  await assert.rejects(provideEngine(cache, quiet), /"docker": set it to path, download, build/);
});
