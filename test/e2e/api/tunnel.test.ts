import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { startSandbox } from "../../../sandbox/lifecycle/sandbox.ts";
import { assertDocumented } from "../../integration/api/openapi-check.ts";
import { until } from "../../until.ts";

type Json = Record<string, unknown>;

test("a tenant is made, watched, asked from both sides and restarted by the API alone", async (t) => {
  const sandbox = await startSandbox({
    serverSettings: { TUNNEL_PROBE_SECONDS: "5" },
    onStep: (line) => t.diagnostic(line),
  });
  t.after(() => sandbox.stop());
  const ask = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Json }> => {
    const response = await fetch(`${sandbox.api.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${sandbox.api.token}`, "content-type": "application/json", ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Json;
    assertDocumented(
      method,
      path.split("?")[0] ?? "",
      response.status,
      response.headers.get("content-type") ?? "",
      answer,
    );
    return { status: response.status, body: answer };
  };
  const tunnel = "/api/tunnels/acme-tunnel";

  await t.test("the finished tenant is answered to who prefers to wait", async () => {
    const request = {
      subscription_id: "sub_e2e",
      subdomain: "acme",
      plan_type: "starter",
      container_id: 105,
      local_port: 8069,
    };
    const { status, body } = await ask("POST", "/api/tenants", request, {
      prefer: "wait=240",
      "idempotency-key": "e2e-1",
    });
    assert.equal(status, 201, JSON.stringify(body));
    const { id, subdomain, database, url, tunnel: made } = body["tenant"] as Json;
    assert.deepEqual(
      { id, subdomain, database, url },
      { id: 1, subdomain: "acme", database: "acme", url: await tenantUrl() },
    );
    assert.deepEqual([(made as Json)["tunnel_name"], (made as Json)["status"]], ["acme-tunnel", "active"]);
    assert.deepEqual(
      (await ask("POST", "/api/tenants", request, { prefer: "wait=240", "idempotency-key": "e2e-1" })).body,
      body,
    );
  });

  await t.test("its operation's events can be read to the end", async () => {
    const response = await fetch(`${sandbox.api.url}/api/operations/1/events`, {
      headers: { authorization: `Bearer ${sandbox.api.token}`, accept: "text/event-stream" },
    });
    const text = await response.text();
    for (const kind of ["phase", "resource", "summary"]) assert.match(text, new RegExp(`^event: ${kind}$`, "m"));
    assert(!text.includes(sandbox.secrets.masterKey) && !text.includes(sandbox.secrets.cloudflare.apiToken));
  });

  await t.test("both sides say that it is connected", async () => {
    const { body } = await ask("GET", `${tunnel}/status`);
    const { tunnel_name, service, active, status } = body;
    assert.deepEqual(
      { tunnel_name, service, active, status },
      { tunnel_name: "acme-tunnel", service: "cloudflared-acme-tunnel", active: true, status: "running" },
      JSON.stringify(body),
    );
    assert.equal((body["cloudflare"] as Json)["status"], "healthy");
    const host = body["host"] as { enabled: boolean; restarts: number; ready: { connections: number } };
    assert.deepEqual([host.enabled, host.restarts, host.ready.connections > 0], [true, 0, true]);
  });

  await t.test("its journal is read and followed over a restart", async () => {
    const { body } = await ask("GET", `${tunnel}/logs?lines=50`);
    assert.match(JSON.stringify(body["logs"]), /Registered tunnel connection/);
    const leaving = new AbortController();
    const live = await fetch(`${sandbox.api.url}${tunnel}/logs?lines=1&follow=true`, {
      headers: { authorization: `Bearer ${sandbox.api.token}` },
      signal: leaving.signal,
    });
    let text = "";
    const reading = (async () => {
      for await (const chunk of live.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk;
    })().catch(() => {});
    // Not before the journal is being followed: of what came earlier only the last line is asked for.
    await until(
      "the journal's last line",
      () => text,
      (seen) => seen.includes("data:"),
      20_000,
    );
    text = "";
    const restarted = await ask("POST", `${tunnel}/restart`);
    assert.deepEqual(
      [restarted.status, restarted.body["active"], restarted.body["status"]],
      [200, true, "running"],
      JSON.stringify(restarted.body),
    );
    await until(
      "the new connection in the journal",
      () => text,
      (seen) => /Registered tunnel connection/.test(seen),
      20_000,
    );
    leaving.abort();
    await reading;
    const { body: audit } = await ask("GET", "/api/audit?action=tunnel.restart");
    assert.equal((audit["lines"] as unknown[]).length, 1);
  });

  await t.test("the probes through the edge count it as active", async () => {
    const health = async (): Promise<Json> =>
      (await ask("GET", "/api/dashboard/metrics")).body["tunnel_health"] as Json;
    const seen = await until("a probe that got through", health, ({ active }) => active === 1, 60_000);
    assert.deepEqual([seen["total"], seen["error"]], [1, 0]);
    assert(Number(seen["avg_latency_ms"]) > 0);
  });

  await t.test("suspended it answers 503 and still counts, resumed it serves again", async () => {
    const { status, body } = await ask("POST", "/api/tenants/1/suspend", { reason: "test" }, { prefer: "wait=120" });
    assert.deepEqual([status, (body["tenant"] as Json)["state"]], [200, "suspended"], JSON.stringify(body));
    const look = async (): Promise<Json> => ((await ask("GET", `${tunnel}/status`)).body["last_probe"] ?? {}) as Json;
    const suspendedAt = Date.now();
    await until(
      "a probe of the suspended tenant",
      look,
      ({ at, ok }) => ok === true && Date.parse(String(at)) > suspendedAt,
      60_000,
    );
    const resumed = await ask("POST", "/api/tenants/1/resume", {}, { prefer: "wait=120" });
    assert.deepEqual(
      [resumed.status, (resumed.body["tenant"] as Json)["state"]],
      [200, "active"],
      JSON.stringify(resumed.body),
    );
  });

  await t.test("the command line does the same, and the audit log is unbroken", async () => {
    const cli = async (...args: string[]): Promise<string> =>
      (
        await promisify(execFile)(process.execPath, ["automation/cli.ts", ...args], {
          env: { API_URL: sandbox.api.url, JWT_SECRET: sandbox.secrets.jwtSecret },
        })
      ).stdout;
    assert.match(await cli("tenants", "list"), /acme +active +starter +105 +active/);
    assert.match(await cli("tenants", "preview", "acme"), /status +succeeded/);
    assert.match(await cli("audit", "verify"), /each following the one before/);
    assert.match(await cli("tenants", "delete", "acme", "--yes"), /kind +delete\nstatus +succeeded/);
    assert.equal((await ask("GET", "/api/tunnels")).body["total"], 0);
  });

  async function tenantUrl(): Promise<string> {
    const { body } = await ask("GET", "/api/tunnels/acme-tunnel");
    return ((body["tunnel"] as Json)["deployment"] as Json)["url"] as string;
  }
});
