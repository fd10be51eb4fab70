import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { CloudsConfig } from "../../../sandbox/clouds-config.ts";
import { openInstance } from "../../../sandbox/instance.ts";
import { ACCOUNT, TOKEN, ZONE } from "../../unit/cloudflare-emulator/account.ts";
import { undoAfter } from "../../undo.ts";
import { temporaryFolder } from "./world.ts";

async function configure(t: TestContext) {
  const folder = temporaryFolder(t);
  process.env["ODOO_TENANTS_STATE"] = folder; // a place of its own to choose free ports in
  const { ports } = await openInstance("test");
  const config: CloudsConfig = {
    cloudflare: {
      port: ports.cloudflare,
      stateFile: join(folder, "cloudflare.sqlite"),
      accountId: ACCOUNT,
      zones: [{ id: ZONE, name: "example.com" }],
      tokens: [{ token: TOKEN, permissions: ["tunnel:edit", "dns:edit"] }],
    },
    edge: { port: ports.edge },
    tunnelEdge: { port: ports.tunnelEdge },
    stripe: {
      port: ports.stripe,
      stateFile: join(folder, "stripe.jsonl"),
      apiKey: "sk_test_0123456789abcdef",
      prices: [{ id: "price_starter", plan: "starter" }],
    },
  };
  const file = join(folder, "config.json");
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return { file, ports };
}

async function start(t: TestContext, file: string) {
  const clouds = spawn(
    process.execPath,
    [fileURLToPath(new URL("../../../sandbox/clouds.ts", import.meta.url)), file],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const exit = once(clouds, "close") as Promise<[number | null, string | null]>;
  undoAfter(t, async () => {
    clouds.kill("SIGKILL");
    await exit;
  });
  let errors = "";
  clouds.stderr.on("data", (piece: Buffer) => (errors += piece.toString()));
  const [line] = (await Promise.race([once(createInterface({ input: clouds.stdout }), "line"), exit])) as [unknown];
  return { line, exit, kill: (signal: NodeJS.Signals) => clouds.kill(signal), errors: () => errors };
}

test("all emulators run in one process, which keeps what it has answered over kill -9 and stops on SIGTERM", async (t) => {
  const { file, ports } = await configure(t);
  const api = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`http://127.0.0.1:${ports.cloudflare}/client/v4${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return (await response.json()) as { result: { id: string; name: string }[] & { id: string; name: string } };
  };
  const tunnels = `/accounts/${ACCOUNT}/cfd_tunnel`;
  const first = await start(t, file);
  assert.equal(first.line, "ready");
  assert.equal((await fetch(`http://127.0.0.1:${ports.edge}/`)).status, 409);
  assert.equal((await fetch(`http://127.0.0.1:${ports.stripe}/v1/prices`)).status, 401);
  const { result: tunnel } = await api("POST", tunnels, { name: "acme-tunnel" });
  const { result: record } = await api("POST", `/zones/${ZONE}/dns_records`, {
    type: "CNAME",
    name: "acme",
    content: `${tunnel.id}.cfargotunnel.com`,
    proxied: true,
  });
  first.kill("SIGKILL");
  await first.exit;

  const second = await start(t, file);
  assert.equal(second.line, "ready", second.errors());
  assert.deepEqual(
    (await api("GET", tunnels)).result.map((each) => each.id),
    [tunnel.id],
  );
  assert.equal((await api("GET", `/zones/${ZONE}/dns_records/${record.id}`)).result.name, "acme.example.com");
  second.kill("SIGTERM");
  assert.deepEqual(await second.exit, [0, null]);
});

test("a wrong configuration is refused, naming the field and no secret", async (t) => {
  const { file } = await configure(t);
  writeFileSync(
    file,
    JSON.stringify({ cloudflare: { port: -1, tokens: [{ token: "short-secret", permissions: ["fly"] }] } }),
  );
  const clouds = await start(t, file);
  assert.equal(clouds.line, 1, "its exit status");
  for (const field of ["accountId", "tunnelEdge", "stripe", "permissions"])
    assert.ok(clouds.errors().includes(field), field);
  assert.ok(!clouds.errors().includes("short-secret"));
});
