import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { ownDirectory } from "../../unit/sandbox-engine/world.ts";

const CLI = fileURLToPath(new URL("../../../sandbox/cli.ts", import.meta.url));

function cli(t: TestContext) {
  const directory = ownDirectory(t);
  const env = {
    ...process.env,
    ODOO_TENANTS_STATE: join(directory, "state"),
    ODOO_TENANTS_CACHE: join(directory, "cache"),
  };
  return {
    directory,
    run: (...args: string[]) => spawnSync(process.execPath, [CLI, ...args], { env, encoding: "utf8" }),
  };
}

test("commands that need a running sandbox say how to start it, and exit with 3", (t) => {
  const { run } = cli(t);
  for (const args of [
    ["status"],
    ["status", "--json"],
    ["checkout", "globex"],
    ["token"],
    ["pulumi", "preview", "-s", "acme", "--diff"],
  ]) {
    const { status, stdout, stderr } = run(...args);
    assert.equal(status, 3, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, /is not running.*npm start/);
  }
});

test("stopping what does not run is no error, and makes nothing", (t) => {
  const { run, directory } = cli(t);
  const { status, stdout } = run("stop");
  assert.equal(status, 0);
  assert.equal(stdout, "Nothing was running.\n");
  assert.equal(existsSync(join(directory, "state")), false);
});

test("a port that is none is refused with how to write it", (t) => {
  const { run } = cli(t);
  for (const port of ["edge", "edge=0", "edge=65536", "web=80", "edge=-1"]) {
    const { status, stderr } = run("start", "--port", port);
    assert.equal(status, 1, port);
    assert.match(stderr, /edge=9080/);
  }
});

test("an address that no checkout takes is refused with how one looks", (t) => {
  const { status, stderr } = cli(t).run("checkout", "globex", "--email", "nobody");
  assert.equal(status, 1);
  assert.match(stderr, /--email.*'nobody'.*owner@globex\.example/);
});

test("every command is described", (t) => {
  const { status, stdout } = cli(t).run("--help");
  assert.equal(status, 0);
  for (const name of ["start", "status", "stop", "reset", "checkout", "token", "pulumi"])
    assert.match(stdout, new RegExp(`^  ${name}\\b`, "m"));
});
