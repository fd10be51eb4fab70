import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { startAccount } from "../../unit/cloudflare-emulator/account.ts";
import { connect, makeTenant, startOrigin } from "./world.ts";

const HOST = "acme.example.com";

test("a WebSocket passes both ways, and closes both ways", async (t) => {
  const account = await startAccount(t);
  const origin = await startOrigin(t, (_req, res) => void res.writeHead(404).end("no page"));
  const sockets = new WebSocketServer({ noServer: true });
  const asked: IncomingMessage[] = [];
  origin.server.on("upgrade", (req, socket, head) => {
    asked.push(req);
    if (req.url === "/refused") return void socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
    sockets.handleUpgrade(req, socket, head, (ws) =>
      ws.on("message", (data: RawData, isBinary) => ws.send(data, { binary: isBinary })),
    );
  });
  await connect(t, account, makeTenant(account, "acme", origin.url, { httpHostHeader: HOST }));
  const address = `ws://127.0.0.1:${account.ports.edge}`;
  const ws = new WebSocket(`${address}/websocket`, { headers: { host: `${HOST}:8080`, cookie: "s=1" } });
  await once(ws, "open");
  for (const message of ["hello", "x".repeat(200_000)]) {
    ws.send(message);
    assert.equal(String((await once(ws, "message"))[0]), message);
  }
  assert.deepEqual(
    [asked[0]?.headers.host, asked[0]?.headers.cookie, asked[0]?.headers["x-forwarded-host"]],
    [HOST, "s=1", `${HOST}:8080`],
  );
  const [originSide] = sockets.clients;
  assert.ok(originSide);
  const closed = once(originSide, "close");
  ws.close(1000, "done");
  assert.equal((await closed)[0], 1000);

  const second = new WebSocket(`${address}/websocket`, { headers: { host: HOST } });
  await once(second, "open");
  for (const client of sockets.clients) client.terminate();
  await once(second, "close");

  const statusOf = async (path: string, host = HOST) => {
    const refused = new WebSocket(address + path, { headers: { host } });
    refused.on("error", () => {});
    return ((await once(refused, "unexpected-response")) as [unknown, IncomingMessage])[1].statusCode;
  };
  assert.equal(await statusOf("/refused"), 403);
  assert.equal(await statusOf("/", "nobody.example.com"), 530);
});
