import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request, type RequestListener } from "node:http";
import { request as tlsRequest } from "node:https";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { listen } from "../../../automation/api/listen.ts";
import { until } from "../../until.ts";

const HELLO = (_req: unknown, res: { end: (text: string) => void }): void => res.end("hello");

test("plain HTTP is refused beyond loopback, unless a proxy is declared", async () => {
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "example.com"]) {
    await assert.rejects(
      listen(HELLO, { host, port: 0, behindProxy: false }),
      { name: "SettingsError", message: /TLS_CERT_FILE.*TRUST_PROXY/ },
      host,
    );
  }
  for (const [host, behindProxy] of [
    ["127.0.0.1", false],
    ["localhost", false],
    ["::1", false],
    ["127.0.0.2", true],
  ] as const) {
    const server = await listen(HELLO, { host, port: 0, behindProxy });
    assert.equal(await (await fetch(server.url)).text(), "hello");
    await server.close();
  }
});

test("a port that is taken is told with the way out", async (t) => {
  const other = createServer().listen(0, "127.0.0.1");
  t.after(() => other.close());
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await assert.rejects(listen(HELLO, { host: "127.0.0.1", port, behindProxy: false }), {
    name: "SettingsError",
    message: /in use by another program/,
  });
});

test("a certificate is used, and a renewed one without a restart", async (t) => {
  const files = await certificateFiles(t);
  await files.issue("first");
  const log: string[] = [];
  const server = await listen(
    HELLO,
    {
      host: "127.0.0.1",
      port: 0,
      behindProxy: false,
      tls: { certFile: files.cert, keyFile: files.key, lookEvery: 20 },
    },
    (line) => log.push(line),
  );
  t.after(() => server.close());
  assert.match(server.url, /^https:/);
  assert.equal(await nameServed(server.port), "first");
  await files.issue("second");
  await until(
    "the renewed certificate",
    () => nameServed(server.port),
    (name) => name === "second",
    10_000,
  );
  await writeFile(files.cert, "half a file");
  await until(
    "the broken file to be noticed",
    () => log.join("\n"),
    (text) => text.includes("certificate kept"),
    10_000,
  );
  assert.equal(await nameServed(server.port), "second");
});

test("a certificate that cannot be used stops the start, naming the file", async (t) => {
  const files = await certificateFiles(t);
  const start = (): Promise<unknown> =>
    listen(HELLO, {
      host: "127.0.0.1",
      port: 0,
      behindProxy: false,
      tls: { certFile: files.cert, keyFile: files.key },
    });
  await assert.rejects(start(), { name: "SettingsError", message: /TLS_CERT_FILE: .*ENOENT/ });
  await files.issue("one");
  const { key } = files;
  await rename(key, `${key}.one`);
  await files.issue("two");
  await rename(`${key}.one`, key);
  await assert.rejects(start(), { name: "SettingsError", message: /TLS_KEY_FILE: .* is not the key of/ });
  await writeFile(key, "no key");
  await assert.rejects(start(), { name: "SettingsError", message: /TLS_KEY_FILE: .* no PEM/ });
});

test("a stop lets running requests end, and cuts off those that do not", async () => {
  const pending = new Set<() => void>();
  const server = await listen((_req, res) => void pending.add(() => res.end("done")), {
    host: "127.0.0.1",
    port: 0,
    behindProxy: false,
  });
  const answered = fetch(server.url).then((response) => response.text());
  await until(
    "the request to arrive",
    () => pending.size,
    (size) => size === 1,
    5_000,
  );
  const closed = server.close(5_000);
  await assert.rejects(fetch(server.url), "no new connection is taken");
  for (const end of pending) end();
  assert.equal(await answered, "done");
  await closed;

  const stuck = await listen(() => {}, { host: "127.0.0.1", port: 0, behindProxy: false });
  const asked = once(request(stuck.url).end(), "error");
  await until(
    "the connection",
    () => 1,
    () => true,
    100,
  );
  await stuck.close(50);
  await asked;
});

test("a client that dribbles its headers is shut out", { timeout: 30_000 }, async (t) => {
  const server = await listen(HELLO, {
    host: "127.0.0.1",
    port: 0,
    behindProxy: false,
    limits: { headersTimeout: 200, connectionsCheckingInterval: 50 },
  });
  t.after(() => server.close(0));
  assert.match(
    await answerToDribble(t, server.port, "GET / HTTP/1.1\r\nHost: x\r\n", "X-Slow: 1\r\n"),
    /^HTTP\/1\.1 408 /,
  );
});

test("nor does one get anywhere that dribbles its body", { timeout: 30_000 }, async (t) => {
  const server = await listen((req, res) => void req.on("end", () => res.end("read")).resume(), {
    host: "127.0.0.1",
    port: 0,
    behindProxy: false,
    limits: { requestTimeout: 400, headersTimeout: 200, connectionsCheckingInterval: 50 },
  });
  t.after(() => server.close(0));
  assert.match(
    await answerToDribble(t, server.port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "x"),
    /^HTTP\/1\.1 408 /,
  );
});

/** Sends the beginning, then a piece every 50 ms, until the server ends the connection. */
async function answerToDribble(t: TestContext, port: number, beginning: string, piece: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(beginning);
  const dribble = setInterval(() => socket.write(piece), 50);
  t.after(() => clearInterval(dribble));
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  socket.on("error", () => {});
  await once(socket, "close");
  return answer;
}

test("who does not take the answer is cut off, and the answer is not kept for ever", { timeout: 30_000 }, async (t) => {
  const ended = Promise.withResolvers<void>();
  const large = Buffer.alloc(64 * 1_024 * 1_024); // far more than the sockets' buffers hold
  const server = await listen((_req, res) => void res.once("close", () => ended.resolve()).end(large), {
    host: "127.0.0.1",
    port: 0,
    behindProxy: false,
    limits: { silence: 300 },
  });
  t.after(() => server.close(0));
  const socket = connect(server.port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => {}).pause();
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await ended.promise;
});

test("who waits for an answer that takes its time is not taken for silent", { timeout: 30_000 }, async (t) => {
  const limits = { silence: 200 };
  const app: RequestListener = (_req, res) => void setTimeout(() => res.end("done"), 900);
  const server = await listen(app, { host: "127.0.0.1", port: 0, behindProxy: false, limits });
  t.after(() => server.close(0));
  assert.equal(await (await fetch(server.url)).text(), "done");
  assert.equal(await (await fetch(server.url, { method: "POST", body: "wait" })).text(), "done");
});

test("who begins no TLS on a TLS port is shut out", { timeout: 30_000 }, async (t) => {
  const files = await certificateFiles(t);
  await files.issue("one");
  const server = await listen(HELLO, {
    host: "127.0.0.1",
    port: 0,
    behindProxy: false,
    tls: { certFile: files.cert, keyFile: files.key },
    limits: { handshakeTimeout: 300 },
  });
  t.after(() => server.close(0));
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => {}).resume();
  await once(socket, "close");
});

async function certificateFiles(
  t: TestContext,
): Promise<{ cert: string; key: string; issue: (name: string) => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "odoosaas-tls-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  return {
    cert,
    key,
    /** As renewers do it: new files beside the old ones, moved over them one after the other. */
    async issue(name) {
      execFileSync(
        "openssl",
        [
          "req",
          "-x509",
          "-newkey",
          "ec",
          "-pkeyopt",
          "ec_paramgen_curve:prime256v1",
          "-nodes",
          "-days",
          "1",
          "-subj",
          `/CN=${name}`,
          "-keyout",
          `${key}.new`,
          "-out",
          `${cert}.new`,
        ],
        { stdio: "ignore" },
      );
      await rename(`${cert}.new`, cert);
      await rename(`${key}.new`, key);
    },
  };
}

/** Common name of the certificate that a new connection is shown. */
async function nameServed(port: number): Promise<string | undefined> {
  const asked = tlsRequest({ host: "127.0.0.1", port, rejectUnauthorized: false, agent: false }).end();
  const [response] = (await once(asked, "response")) as [{ socket: TLSSocket; resume: () => void }];
  response.resume();
  const { CN } = response.socket.getPeerCertificate().subject;
  return Array.isArray(CN) ? CN[0] : CN;
}
