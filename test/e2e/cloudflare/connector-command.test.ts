import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startAccount } from "../../unit/cloudflare-emulator/account.ts";
import { until } from "../../until.ts";
import { connect, makeTenant, startConnector, startOrigin, temporaryFolder, untilStatus, visit } from "./world.ts";

const HOST = "acme.example.com";

test("a second signal ends the connector at once", async (t) => {
  const account = await startAccount(t);
  const origin = await startOrigin(t, () => {});
  const connector = await connect(t, account, makeTenant(account, "acme", origin.url));
  const answer = visit(account, HOST, "/").catch(() => "broken off");
  await until(
    "the request on its way",
    async () => (await connector.page("/metrics")).text,
    (text) => text.includes("concurrent_requests_per_tunnel 1"),
    5_000,
  );
  connector.kill("SIGTERM");
  await connector.line("Initiating graceful shutdown");
  connector.kill("SIGTERM");
  assert.deepEqual(await connector.exit, { code: null, signal: "SIGTERM" });
  await answer;
});

test("without an edge the connector keeps trying and is not ready; the pid file is written once it is", async (t) => {
  const account = await startAccount(t);
  const tunnel = makeTenant(account, "acme", "http_status:200");
  const pidFile = join(temporaryFolder(t), "pid");
  const token = account.world.tunnels.token(tunnel.id);
  const lonely = await startConnector(t, { token, edge: await closedPort() }, { flags: ["--pidfile", pidFile] });
  await lonely.line("Unable to establish connection");
  assert.equal((await lonely.page("/ready")).status, 503);
  assert.ok(!existsSync(pidFile));
  lonely.kill("SIGTERM");
  assert.equal((await lonely.exit).code, 0);

  const connector = await connect(t, account, tunnel, { flags: ["--pidfile", pidFile] });
  assert.equal(readFileSync(pidFile, "utf8"), String(connector.pid));
});

test("metrics count requests by status", async (t) => {
  const account = await startAccount(t);
  const origin = await startOrigin(t, (req, res) => void res.writeHead(req.url === "/missing" ? 404 : 200).end());
  const connector = await connect(t, account, makeTenant(account, "acme", origin.url));
  for (const path of ["/", "/", "/missing"]) await visit(account, HOST, path);
  const { text } = await connector.page("/metrics");
  for (const line of [
    "cloudflared_tunnel_ha_connections 4",
    "cloudflared_tunnel_total_requests 3",
    "cloudflared_tunnel_request_errors 0",
    "cloudflared_tunnel_concurrent_requests_per_tunnel 0",
    'cloudflared_tunnel_response_by_code{status_code="200"} 2',
    'cloudflared_tunnel_response_by_code{status_code="404"} 1',
    'cloudflared_tunnel_server_locations{connection_id="0",edge_location="sbx01"} 1',
    'cloudflared_tunnel_tunnel_register_success{rpcName="registerConnection"} 4',
    "cloudflared_orchestration_config_version 1",
  ])
    assert.ok(text.split("\n").includes(line), `${line} is missing in\n${text}`);
  assert.match(text, /^build_info\{.*version="[\d.]+\+sandbox"\} 1$/m);
  assert.deepEqual(await connector.page("/healthcheck"), { status: 200, text: "OK\n" });
});

test("the token comes from a file as well; what is wrong with it ends with 255 and is not repeated", async (t) => {
  const account = await startAccount(t);
  const tunnel = makeTenant(account, "acme", "http_status:200");
  const file = join(temporaryFolder(t), "token");
  writeFileSync(file, `${account.world.tunnels.token(tunnel.id)}\n`, { mode: 0o600 });
  const edge = account.ports.tunnelEdge;
  await startConnector(t, { edge }, { env: { TUNNEL_TOKEN_FILE: file } });
  await untilStatus(account, tunnel, "healthy");

  const wrong = await startConnector(t, { token: "hunter2", edge }, { env: { TUNNEL_TOKEN_FILE: file } });
  assert.equal((await wrong.exit).code, 255, "the token beats the file");
  assert.ok(wrong.lines[0]?.startsWith("Provided Tunnel token is not valid."));
  assert.ok(!wrong.lines.join("\n").includes("hunter2"));
  const missing = await startConnector(t, { edge }, { env: { TUNNEL_TOKEN_FILE: `${file}.missing` } });
  assert.equal((await missing.exit).code, 255);
  assert.match(missing.lines[0] ?? "", /Failed to read token file/);
  const none = await startConnector(t, { edge });
  assert.equal((await none.exit).code, 255);
  const nowhere = await startConnector(
    t,
    { token: account.world.tunnels.token(tunnel.id), edge },
    { env: { TUNNEL_EDGE: "" } },
  );
  assert.equal((await nowhere.exit).code, 1);
  const taken = await startConnector(
    t,
    { token: account.world.tunnels.token(tunnel.id), edge },
    { flags: ["--metrics", `127.0.0.1:${edge}`] },
  );
  assert.equal((await taken.exit).code, 1);
});

test("the log can be JSON", async (t) => {
  const account = await startAccount(t);
  const tunnel = makeTenant(account, "acme", "http_status:200");
  const connector = await connect(t, account, tunnel, { env: { TUNNEL_LOG_OUTPUT: "json" } });
  const line = JSON.parse(await connector.line("Registered tunnel connection")) as Record<string, unknown>;
  assert.deepEqual(
    [line["level"], line["message"], line["protocol"], line["ip"]],
    ["info", "Registered tunnel connection", "http2", "127.0.0.1"],
  );
});

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}
