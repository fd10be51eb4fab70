import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as dial } from "node:net";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { ACCOUNT, call, startAccount } from "../../unit/cloudflare-emulator/account.ts";
import { until } from "../../until.ts";
import { connect, makeTenant, startConnector, startOrigin, temporaryFolder, untilStatus, visit } from "./world.ts";

const HOST = "acme.example.com";

test("the API shows a connector's connections, and none at once when it has stopped", async (t) => {
  const account = await startAccount(t);
  const tunnel = makeTenant(account, "acme", "http_status:200");
  const connector = await connect(t, account, tunnel);
  const path = `/accounts/${ACCOUNT}/cfd_tunnel/${tunnel.id}`;
  const shown = (await call(account, "GET", path)).result as Record<string, unknown>;
  assert.equal(shown["status"], "healthy");
  assert.ok(shown["conns_active_at"]);
  assert.equal(shown["conns_inactive_at"], null);

  type Shown = {
    id: string;
    version: string;
    arch: string;
    config_version: number;
    conns: { client_id: string; colo_name: string; origin_ip: string }[];
  };
  const [seen, ...others] = (await call(account, "GET", `${path}/connections`)).result as Shown[];
  assert.equal(others.length, 0);
  assert.deepEqual([seen?.config_version, seen?.conns.length, seen?.conns[0]?.origin_ip], [1, 4, "127.0.0.1"]);
  assert.match(seen?.version ?? "", /^\d{4}\.\d+\.\d+\+sandbox$/);
  const ready = await connector.page("/ready");
  assert.deepEqual(
    [ready.status, JSON.parse(ready.text)],
    [200, { status: 200, readyConnections: 4, connectorId: seen?.id }],
  );
  assert.deepEqual((await call(account, "GET", `${path}/connectors/${seen?.id}`)).result, seen);

  const before = performance.now();
  connector.kill("SIGTERM");
  assert.deepEqual(await connector.exit, { code: 0, signal: null });
  const took = performance.now() - before;
  assert.deepEqual((await call(account, "GET", `${path}/connections`)).result, []);
  assert.equal(((await call(account, "GET", path)).result as { status: string }).status, "down");
  assert.ok(took < 1_000, `stopping took ${took} ms with nothing on its way`);
  const log = connector.lines.join("\n");
  for (const line of [
    "Registered tunnel connection",
    "Initiating graceful shutdown due to signal terminated ...",
    "Unregistered tunnel connection",
  ])
    assert.ok(log.includes(line), `${line} is missing in\n${log}`);
});

test("a tunnel cannot be deleted while its connector runs", async (t) => {
  const account = await startAccount(t);
  const tunnel = makeTenant(account, "acme", "http_status:200");
  const connector = await connect(t, account, tunnel);
  const path = `/accounts/${ACCOUNT}/cfd_tunnel/${tunnel.id}`;
  const refused = await call(account, "DELETE", path);
  assert.deepEqual([refused.status, refused.code], [400, 1022]);
  assert.match(refused.errors[0]?.message ?? "", /active connections/);
  assert.equal((await visit(account, HOST, "/")).status, 200, "nothing has happened to it");

  assert.equal((await call(account, "DELETE", `${path}/connections`)).status, 200);
  assert.deepEqual((await call(account, "GET", `${path}/connections`)).result, []);
  await untilStatus(account, tunnel, "healthy"); // it runs, so it comes back

  connector.kill("SIGTERM");
  await connector.exit;
  assert.equal((await call(account, "DELETE", path)).status, 200);
});

test("deleting with cascade closes the connections, and the connector is refused from then on", async (t) => {
  const account = await startAccount(t);
  const tunnel = makeTenant(account, "acme", "http_status:200");
  const connector = await connect(t, account, tunnel);
  assert.equal(
    (await call(account, "DELETE", `/accounts/${ACCOUNT}/cfd_tunnel/${tunnel.id}?cascade=true`)).status,
    200,
  );
  await connector.line("Unauthorized: Tunnel not found");
  assert.equal((await connector.page("/ready")).status, 503);
  connector.kill("SIGTERM");
  assert.equal((await connector.exit).code, 0);
});

test("a new configuration is in force at once, over the same connections", async (t) => {
  const account = await startAccount(t);
  const tunnel = makeTenant(account, "acme", "http_status:201");
  const connector = await connect(t, account, tunnel);
  const before = account.world.connections.of(tunnel.id).map((connection) => connection.id);
  assert.equal((await visit(account, HOST, "/")).status, 201);
  const path = `/accounts/${ACCOUNT}/cfd_tunnel/${tunnel.id}/configurations`;
  const config = {
    ingress: [{ hostname: HOST, path: "^/closed", service: "http_status:403" }, { service: "http_status:503" }],
  };
  await call(account, "PUT", path, { config });
  await until(
    "the new rules",
    async () => (await visit(account, HOST, "/")).status,
    (status) => status === 503,
    2_000,
  );
  assert.equal((await visit(account, HOST, "/closed/x")).status, 403);
  await until(
    "all connections to know the version",
    () => account.world.connections.of(tunnel.id).map((each) => each.configVersion),
    (versions) => versions.every((version) => version === 2),
    2_000,
  );
  assert.deepEqual(
    account.world.connections.of(tunnel.id).map((connection) => connection.id),
    before,
  );
  assert.deepEqual(JSON.parse((await connector.page("/config")).text), { version: 2, config });
});

test("a configuration that only the connector can refuse leaves the last one in force", async (t) => {
  const account = await startAccount(t);
  const tunnel = makeTenant(account, "acme", "http_status:201");
  const connector = await connect(t, account, tunnel);
  account.world.tunnels.configure(tunnel.id, { ingress: [{ service: "tcp://127.0.0.1:22" }] });
  await connector.line("Failed to update ingress");
  assert.equal((await visit(account, HOST, "/")).status, 201);
});

test("a wrong secret is refused again and again, and let in when it is right", async (t) => {
  const account = await startAccount(t);
  const tunnel = makeTenant(account, "acme", "http_status:200");
  const token = account.world.tunnels.token(tunnel.id);
  const right = account.world.tunnels.get(tunnel.id).secret;
  account.world.tunnels.update(tunnel.id, { secret: Buffer.alloc(32, 1).toString("base64") });
  const connector = await startConnector(t, { token, edge: account.ports.tunnelEdge });
  await connector.line("Unauthorized: Invalid tunnel secret");
  await until(
    "a second attempt",
    () => connector.lines.filter((line) => line.includes("Unauthorized")).length,
    (count) => count >= 2,
    10_000,
  );
  assert.equal((await connector.page("/ready")).status, 503);
  account.world.tunnels.update(tunnel.id, { secret: right });
  await untilStatus(account, tunnel, "healthy");
  assert.ok(!connector.lines.some((line) => line.includes(token) || line.includes(right)), "the log tells no secret");
});

test("after the emulator's restart the connector comes back by itself", async (t) => {
  const stateFile = join(temporaryFolder(t), "state.sqlite");
  const first = await startAccount(t, { stateFile });
  const tunnel = makeTenant(first, "acme", "http_status:200");
  const connector = await connect(t, first, tunnel);
  const { edge, tunnelEdge } = first.ports;
  await first.close();
  await connector.line("Lost connection with the edge");
  const second = await startAccount(t, { stateFile }, { edge: { port: edge }, tunnelEdgePort: tunnelEdge });
  assert.equal(second.world.tunnels.status(second.world.tunnels.get(tunnel.id)), "down");
  await untilStatus(second, tunnel, "healthy");
  assert.equal((await visit(second, HOST, "/")).status, 200);
});

test("a connector that is killed is gone at once; a frozen one within seconds", async (t) => {
  const account = await startAccount(t);
  const tunnel = makeTenant(account, "acme", "http_status:200");
  const killed = await connect(t, account, tunnel);
  killed.kill("SIGKILL");
  await killed.exit;
  await untilStatus(account, tunnel, "down");
  assert.equal((await visit(account, HOST, "/")).status, 530);

  const frozen = await connect(t, account, tunnel);
  frozen.kill("SIGSTOP");
  const before = performance.now();
  await untilStatus(account, tunnel, "down");
  assert.ok(performance.now() - before < 9_000);
  frozen.kill("SIGCONT");
  await untilStatus(account, tunnel, "healthy");
});

test("a graceful stop lets requests finish, takes no new ones, and is cut off after the grace period", async (t) => {
  const account = await startAccount(t);
  const waiting: ServerResponse[] = [];
  const origin = await startOrigin(t, (_req, res) => void waiting.push(res));
  const tunnel = makeTenant(account, "acme", origin.url);
  const patient = await connect(t, account, tunnel);
  const answer = visit(account, HOST, "/");
  await until(
    "the request at the origin",
    () => waiting.length,
    (count) => count === 1,
    5_000,
  );
  patient.kill("SIGTERM");
  await untilStatus(account, tunnel, "down");
  assert.equal((await visit(account, HOST, "/")).status, 530, "no new visitors");
  waiting[0]?.end("late, but whole");
  assert.equal((await answer).text, "late, but whole");
  assert.equal((await patient.exit).code, 0);

  const hasty = await connect(t, account, tunnel, { env: { TUNNEL_GRACE_PERIOD: "300ms" } });
  const cut = visit(account, HOST, "/").then(
    (seen) => seen.status,
    () => "broken off",
  );
  await until(
    "the request at the origin",
    () => waiting.length,
    (count) => count === 2,
    5_000,
  );
  const before = performance.now();
  hasty.kill("SIGINT");
  assert.equal((await hasty.exit).code, 0);
  const took = performance.now() - before;
  assert.ok(took >= 290 && took < 3_000, `it took ${took} ms`);
  assert.ok([502, 530, "broken off"].includes((await cut) ?? 0));
});

test("what is no connector is turned away, and the edge goes on", async (t) => {
  const account = await startAccount(t);
  for (const first of ["GET / HTTP/1.1\r\n\r\n", "{}\n", "x".repeat(10_000), `${JSON.stringify({ version: 2 })}\n`]) {
    const socket = dial(account.ports.tunnelEdge, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(first);
    socket.resume();
    await once(socket, "close");
  }
  await connect(t, account, makeTenant(account, "acme", "http_status:200"));
});
