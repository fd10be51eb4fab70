import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../../free-port.ts";
import type { SandboxStatus } from "../../../sandbox/lifecycle/status.ts";
import { undoAfter } from "../../undo.ts";
import { until } from "../../until.ts";

const CLI = fileURLToPath(new URL("../../../sandbox/cli.ts", import.meta.url));
const PORTS = ["api", "edge", "cloudflare", "stripe", "postgres", "tunnelEdge"];

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** The commands of package.json, on a state directory and ports of the test's own. */
async function commands(t: TestContext): Promise<(...args: string[]) => Promise<Ended>> {
  const state = mkdtempSync(join(tmpdir(), "odoo-tenants-state-"));
  chmodSync(state, 0o711); // PostgreSQL's user must get through
  const env = { ...process.env, ODOO_TENANTS_STATE: state };
  const run = async (...args: string[]) =>
    await new Promise<Ended>((resolve) => {
      const options = { env, encoding: "utf8", maxBuffer: 10_000_000 } as const;
      execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout, stderr });
      });
    });
  undoAfter(t, async () => {
    const { code, stderr } = await run("reset");
    assert.equal(code, 0, stderr);
    rmSync(state, { recursive: true });
  });
  return run;
}

/** As a browser asks: by the tenant's own host name, which leads to this machine. */
async function visit(page: string): Promise<number> {
  const { host, port, pathname } = new URL(page);
  return await new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path: pathname, headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}

test("one command brings up a tenant, others show, extend and stop it", async (t) => {
  const run = await commands(t);
  const status = async () => JSON.parse((await run("status", "--json")).stdout) as SandboxStatus;
  const ports = await Promise.all(PORTS.map(async (name) => ["--port", `${name}=${await freePort()}`]));

  const start = await run("start", "--detach", ...ports.flat());
  assert.equal(start.code, 0, start.stdout + start.stderr);
  const first = await status();
  assert.deepEqual(Object.keys(first), ["api", "edge", "tenants"]);
  const [acme] = first.tenants;
  assert.ok(acme);
  assert.deepEqual(Object.keys(acme), ["subdomain", "url", "login", "password", "state"]);
  assert.equal(acme.state, "active");
  for (const shown of [`${acme.url}/web/login`, acme.login, acme.password])
    assert.ok(start.stdout.includes(shown), shown);
  assert.equal(await visit(`${acme.url}/web/login`), 200);

  await t.test("a second start finds it running", async () => {
    const again = await run("start", "--detach");
    assert.equal(again.code, 0);
    assert.match(again.stdout, /already running/);
  });

  await t.test("a tenant made by the server previews clean for an operator, and so does the platform", async () => {
    for (const stack of ["acme", "prod"]) {
      const { code, stdout, stderr } = await run("pulumi", "preview", "-s", stack, "--expect-no-changes");
      assert.equal(code, 0, `${stack}: ${stdout}${stderr}`);
    }
  });

  await t.test("another paid checkout becomes another tenant", async () => {
    assert.equal((await run("checkout", "globex", "--plan", "business")).code, 0);
    const globex = await until(
      "globex to be active",
      async () => (await status()).tenants.find(({ subdomain }) => subdomain === "globex"),
      (tenant) => tenant?.state === "active",
    );
    assert.equal(await visit(`${globex?.url}/web/login`), 200);
    const unknown = await run("checkout", "initech", "--plan", "gold");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no plan "gold"; choose one of starter, business/);
  });

  await t.test("a token opens the API, as the box says", async () => {
    const authorization = `Bearer ${(await run("token")).stdout.trim()}`;
    assert.equal((await fetch(`${first.api}/api/tenants`, { headers: { authorization } })).status, 200);
  });

  await t.test("a checkout of which no tenant can be made is told with the reason", async () => {
    assert.equal((await run("checkout", "www")).code, 0);
    const [task] = await until(
      "the task",
      async () => (await status()).tasks ?? [],
      (tasks) => tasks.length > 0,
    );
    assert.equal(task?.kind, "subdomain-invalid");
    assert.match((await run("status")).stdout, /! subdomain-invalid: .*"www".*reserved[^]*tasks list/);
  });

  await t.test("a stack that is not there is told with those that are", async () => {
    const { code, stderr } = await run("pulumi", "preview", "-s", "nosuch");
    assert.notEqual(code, 0);
    assert.match(stderr, /no tenant "nosuch"; npm run status shows all/);
  });

  await t.test("its operator's update leaves a stack that the server can work on", async () => {
    const up = await run("pulumi", "up", "-s", "globex", "--yes", "--skip-preview");
    assert.equal(up.code, 0, up.stdout + up.stderr);
    assert.match(up.stdout, /unchanged/);
  });

  await t.test("a stop keeps the tenants for the next start, which makes none anew", async () => {
    const stopped = await run("stop");
    assert.equal(stopped.stdout, "Stopped.\n");
    assert.equal((await run("status")).code, 3);
    const { code, stdout, stderr } = await run("start", "--detach");
    assert.equal(code, 0, stdout + stderr);
    const { tenants } = await status();
    assert.deepEqual(tenants.map(({ subdomain }) => subdomain).toSorted(), ["acme", "globex"]);
    assert.equal(tenants.find(({ subdomain }) => subdomain === "acme")?.password, acme.password);
    for (const { url } of tenants) {
      await until(
        `${url} to be served`,
        () => visit(`${url}/web/login`),
        (answer) => answer === 200,
      );
    }
  });
});
