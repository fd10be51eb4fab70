import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect as dial } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { test } from "node:test";
import { ConnectionRegistry } from "../../../sandbox/cloudflare/edge/registry.ts";
import { startAccount, ZONE } from "../../unit/cloudflare-emulator/account.ts";
import { until } from "../../until.ts";
import { connect, makeTenant, open, startOrigin, untilStatus, visit } from "./world.ts";

const HOST = "acme.example.com";

test("a visitor reaches the origin behind the connector, with what Cloudflare adds", async (t) => {
  const account = await startAccount(t);
  const origin = await startOrigin(t, (req, res) => {
    res.setHeader("set-cookie", ["a=1", "b=2"]);
    res.setHeader("server", "Werkzeug");
    res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers }));
  });
  await connect(t, account, makeTenant(account, "acme", origin.url, { httpHostHeader: HOST }));
  const seen = await visit(account, `${HOST}:8080`, "/web?db=a;b&x=%2F", {
    headers: { "x-forwarded-host": "neighbour.example.com", "x-forwarded-for": "10.9.9.9", cookie: "s=1" },
  });
  assert.equal(seen.status, 200);
  const { method, url, headers } = JSON.parse(seen.text) as {
    method: string;
    url: string;
    headers: Record<string, string>;
  };
  assert.deepEqual([method, url, headers["host"], headers["cookie"]], ["GET", "/web?db=a;b&x=%2F", HOST, "s=1"]);
  assert.equal(headers["x-forwarded-host"], `${HOST}:8080`, "a visitor cannot name a neighbour");
  assert.equal(headers["cf-connecting-ip"], "127.0.0.1");
  assert.equal(headers["x-forwarded-for"], "10.9.9.9, 127.0.0.1");
  assert.equal(headers["x-forwarded-proto"], "http");
  assert.match(headers["cf-ray"] ?? "", /^[0-9a-f]{16}-SBX$/);
  assert.deepEqual(seen.headers["set-cookie"], ["a=1", "b=2"]);
  assert.deepEqual([seen.headers["server"], seen.headers["cf-ray"]], ["cloudflare", headers["cf-ray"]]);
});

test("answers that have no body are passed on without one, and the connection goes on", async (t) => {
  const account = await startAccount(t);
  const origin = await startOrigin(t, (req, res) => {
    if (req.method === "HEAD") res.writeHead(200, { "content-length": 5 }).end();
    else if (req.url === "/304") res.writeHead(304, { etag: '"x"' }).end();
    else res.writeHead(204).end();
  });
  await connect(t, account, makeTenant(account, "acme", origin.url));
  const head = await visit(account, HOST, "/", { method: "HEAD" });
  assert.deepEqual([head.status, head.headers["content-length"], head.text], [200, "5", ""]);
  const unchanged = await visit(account, HOST, "/304");
  assert.deepEqual([unchanged.status, unchanged.headers.etag, unchanged.text], [304, '"x"', ""]);
  const nothing = await visit(account, HOST, "/", { method: "DELETE" });
  assert.deepEqual([nothing.status, nothing.headers["transfer-encoding"], nothing.text], [204, undefined, ""]);
});

test("each way not to reach an origin has its own answer", async (t) => {
  const account = await startAccount(t);
  const origin = await startOrigin(t, (_req, res) => void res.end("here"));
  const acme = makeTenant(account, "acme", origin.url);
  const early = await visit(account, HOST, "/");
  assert.deepEqual([early.status, early.headers["retry-after"]], [530, "120"], "not connected yet");
  assert.match(early.text, /error code: 1033/);

  await connect(t, account, acme);
  assert.equal((await visit(account, HOST, "/")).text, "here");
  const zone = account.world.zones.get(ZONE);
  account.world.records.create(zone, {
    type: "CNAME",
    name: "other",
    content: `${acme.id}.cfargotunnel.com`,
    proxied: true,
  });
  assert.equal((await visit(account, "other.example.com", "/")).status, 404, "the last rule");
  assert.equal((await visit(account, "nobody.example.com", "/")).status, 530);
  assert.match((await visit(account, "nobody.example.com", "/")).text, /error code: 1016/);
  assert.equal((await visit(account, "example.org", "/")).status, 409);
  assert.equal((await visit(account, HOST, "/%zz")).status, 400);

  origin.server.close();
  origin.server.closeAllConnections();
  const down = await visit(account, HOST, "/");
  assert.equal(down.status, 502, "the origin is down");
  assert.match(down.text, /error code: 502/);

  account.world.connections.close(acme.id);
  account.world.tunnels.delete(acme.id, true);
  const gone = await visit(account, HOST, "/");
  assert.equal(gone.status, 530);
  assert.match(gone.text, /error code: 1033/);
});

test("50 MB go up and come down unchanged, in pieces", async (t) => {
  const account = await startAccount(t);
  const received: { length: string | undefined; sum: string }[] = [];
  const origin = await startOrigin(
    t,
    (req, res) =>
      void echoSum(req).then((sum) => {
        received.push({ length: req.headers["content-length"], sum });
        res.end(sum);
      }),
  );
  const tunnel = makeTenant(account, "acme", origin.url);
  await connect(t, account, tunnel);
  const piece = randomBytes(1 << 20);
  const pieces = Array.from({ length: 50 }, () => piece);
  const expected = createHash("sha256");
  for (const each of pieces) expected.update(each);
  const sum = expected.digest("hex");
  const length = String(50 << 20);
  assert.equal(
    (await visit(account, HOST, "/", { method: "POST", body: pieces, headers: { "content-length": length } })).text,
    sum,
  );
  assert.equal((await visit(account, HOST, "/", { method: "POST", body: pieces })).text, sum);
  assert.deepEqual(
    received,
    [
      { length, sum },
      { length: undefined, sum },
    ],
    "a known length stays known",
  );

  const big = await startOrigin(t, (_req, res) => {
    res.writeHead(200, { "content-length": length });
    void (async () => {
      for (const each of pieces) if (!res.write(each)) await once(res, "drain");
      res.end();
    })();
  });
  account.world.tunnels.configure(tunnel.id, { ingress: [{ service: big.url }] });
  const down = await open(account, HOST, "/");
  assert.equal(down.headers["content-length"], length);
  assert.equal(
    createHash("sha256")
      .update(await buffer(down))
      .digest("hex"),
    sum,
  );
});

async function echoSum(req: IncomingMessage): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of req as AsyncIterable<Buffer>) hash.update(piece);
  return hash.digest("hex");
}

test("a visitor who does not read holds the origin back, and nobody else", async (t) => {
  const account = await startAccount(t);
  let written = 0;
  const origin = await startOrigin(t, (req, res) => {
    if (req.url === "/quick") return void res.end("quick");
    const piece = Buffer.alloc(1 << 20);
    const write = () => {
      while (!res.destroyed && written < 400 && res.write(piece)) written += 1;
      if (!res.destroyed && written < 400) res.once("drain", () => ((written += 1), write()));
    };
    write();
  });
  const tunnel = makeTenant(account, "acme", origin.url);
  await connect(t, account, tunnel);
  const slow = await open(account, HOST, "/slow");
  slow.pause();
  let before = -1;
  await until(
    "the origin to be held back",
    () => {
      const still = written === before;
      before = written;
      return still;
    },
    (still) => still,
    10_000,
  );
  assert.ok(written < 100, `${written} MB were taken for a visitor who reads nothing`);
  for (let n = 0; n < 8; n++) assert.equal((await visit(account, HOST, "/quick")).text, "quick");
  slow.destroy();
  const { connections } = account.world;
  assert.ok(connections instanceof ConnectionRegistry);
  const left = () => connections.all(tunnel.id).reduce((sum, connection) => sum + connection.requests, 0);
  await until("the end of what the visitor had asked for", left, (count) => count === 0, 5_000);
});

test("events arrive as they are sent, and the origin hears when the visitor leaves", async (t) => {
  const account = await startAccount(t);
  const left = Promise.withResolvers<void>();
  const next = Promise.withResolvers<void>();
  const origin = await startOrigin(t, (req, res) => {
    req.once("close", () => left.resolve());
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.write("data: 1\n\n");
    void next.promise.then(() => res.write("data: 2\n\n"));
  });
  await connect(t, account, makeTenant(account, "acme", origin.url));
  const events = await open(account, HOST, "/events");
  assert.equal(String((await once(events, "data"))[0]), "data: 1\n\n");
  next.resolve();
  assert.equal(String((await once(events, "data"))[0]), "data: 2\n\n");
  events.destroy();
  await left.promise;
});

test("an answer that breaks off does not look complete", async (t) => {
  const account = await startAccount(t);
  const origin = await startOrigin(t, (_req, res) => {
    res.write("half");
    setImmediate(() => setTimeout(() => res.destroy(), 20));
  });
  const tunnel = makeTenant(account, "acme", origin.url);
  const connector = await connect(t, account, tunnel);
  await assert.rejects(text(await open(account, HOST, "/")), /aborted/);

  const endless = await startOrigin(t, (_req, res) => void res.write("half"));
  account.world.tunnels.configure(tunnel.id, { ingress: [{ service: endless.url }] });
  const answer = await open(account, HOST, "/");
  connector.kill("SIGKILL");
  await assert.rejects(text(answer), /aborted/);
  await untilStatus(account, tunnel, "down");
});

test("an origin that answers before the upload ends is heard, and its connection is used again", async (t) => {
  const account = await startAccount(t);
  const origin = await startOrigin(t, (req, res) => {
    if (req.method === "POST") res.writeHead(413).end("too large");
    else res.end("fine");
  });
  await connect(t, account, makeTenant(account, "acme", origin.url));
  const answer = await visit(account, HOST, "/", {
    method: "POST",
    body: Array.from({ length: 20 }, () => Buffer.alloc(1 << 20)),
  }).catch(
    (error: unknown) => (error as NodeJS.ErrnoException).code, // the visitor may notice the closed connection first
  );
  if (typeof answer === "object") assert.deepEqual([answer.status, answer.text], [413, "too large"]);
  else assert.ok(["EPIPE", "ECONNRESET"].includes(answer ?? ""), answer);
  assert.equal((await visit(account, HOST, "/")).text, "fine");
});

test("no answer in time is 524", async (t) => {
  const account = await startAccount(t, {}, { edge: { port: 0, originTimeoutSeconds: 1 } });
  const origin = await startOrigin(t, () => {});
  await connect(t, account, makeTenant(account, "acme", origin.url));
  const late = await visit(account, HOST, "/");
  assert.equal(late.status, 524);
});

test("strange requests are refused or passed on, and the edge goes on", async (t) => {
  const account = await startAccount(t);
  const seen: (string | undefined)[] = [];
  const origin = await startOrigin(t, (req, res) => {
    seen.push(req.url);
    res.writeHead(200, { "x-odd": "caf\u00e9 \u00ff", "content-type": "text/plain" }).end(Buffer.from("ok"));
  });
  await connect(t, account, makeTenant(account, "acme", origin.url));
  const ask = async (request: string) => {
    const socket = dial(account.ports.edge, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(request.replaceAll("\n", "\r\n"), "latin1");
    const answer = (await buffer(socket)).toString("latin1");
    return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  };
  const end = " HTTP/1.1\nHost: acme.example.com\nConnection: close\n";
  assert.equal(await ask(`GET /%E4%20//a/../b?x=[y]|"<>${end}\n`), 200);
  assert.equal(await ask(`GET /caf\u00e9${end}\n`), 400, "Node takes no such path");
  assert.equal(await ask(`GET /${"a".repeat(8_000)}${end}\n`), 200);
  assert.equal(
    await ask(`GET /${end}X-Odd: caf\u00e9 \u00ff\nX_Under.score: 1\nContent-Type: a\nContent-Type: b\n\n`),
    200,
  );
  assert.equal(await ask(`PROPFIND /${end}\n`), 200);
  assert.equal(
    await ask(`GET /${end}Upgrade: h2c\nConnection: Upgrade, HTTP2-Settings\nHTTP2-Settings: AAMAAABk\n\n`),
    200,
  );
  assert.equal(await ask(`GET /${end}Cf-Cloudflared-Proxy-Connection-Upgrade: update-configuration\n\n`), 200);
  assert.equal(await ask("GET / HTTP/1.0\n\n"), 409);
  assert.equal(await ask(`GET http://acme.example.com/${end}\n`), 400);
  assert.equal(await ask(`OPTIONS *${end}\n`), 400);
  assert.equal(await ask(`GET /${end}Content-Length: 1\nContent-Length: 2\n\n`), 400);
  assert.equal(await ask(`G<>T /${end}\n`), 400);
  assert.equal(seen[0], '/%E4%20//a/../b?x=[y]|"<>');
  assert.equal((await visit(account, HOST, "/")).headers["x-odd"], "caf\u00e9 \u00ff");
});
