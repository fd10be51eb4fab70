import assert from "node:assert/strict";
import { test } from "node:test";
import { requestHeaders, responseHeaders } from "../../../sandbox/cloudflare/edge/headers.ts";
import { route } from "../../../sandbox/cloudflare/edge/routing.ts";
import { startAccount, ZONE } from "./account.ts";

test("a host name leads through its proxied CNAME to a tunnel", async (t) => {
  const { world } = await startAccount(t);
  const zone = world.zones.get(ZONE);
  const acme = world.tunnels.create({ name: "acme", configSource: "cloudflare" });
  const cname = (name: string, content: string, proxied = true) =>
    world.records.create(zone, { type: "CNAME", name, content, proxied });
  const toAcme = `${acme.id}.cfargotunnel.com`;
  cname("acme", toAcme);
  cname("grey", toAcme, false);
  cname("*.wild", toAcme);
  cname("alias", "acme.example.com");
  cname("circle", "round.example.com");
  cname("round", "circle.example.com");
  cname("lost", "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415.cfargotunnel.com");
  world.records.create(zone, { type: "A", name: "address", content: "192.0.2.1", proxied: true });
  const way = (host: string | undefined) => {
    const found = route(world, host);
    return found.kind === "tunnel" ? found.tunnelId : found.code;
  };
  for (const host of [
    "acme.example.com",
    "ACME.example.com:8080",
    "acme.example.com.",
    "alias.example.com",
    "a.wild.example.com",
    "b.a.wild.example.com",
  ])
    assert.equal(way(host), acme.id, host);
  for (const host of [
    "grey.example.com",
    "other.example.com",
    "wild.example.com",
    "example.com",
    "address.example.com",
    "circle.example.com",
  ])
    assert.equal(way(host), 1016, host);
  for (const host of ["example.org", "notexample.com", "127.0.0.1:8080", "", undefined])
    assert.equal(way(host), 1001, String(host));
  assert.equal(way("lost.example.com"), 1033);
  world.tunnels.delete(acme.id, false);
  assert.equal(way("acme.example.com"), 1033, "the record outlives the tunnel");
});

const visitor = { method: "GET", url: "/", host: "acme.example.com", address: "203.0.113.9", ray: "ray" };

test("the edge's own headers cannot be forged by a visitor", () => {
  const forged = [
    "CF-Connecting-IP",
    "1.1.1.1",
    "X-Forwarded-Proto",
    "https",
    "X-Forwarded-For",
    "10.0.0.1",
    "Cf-Cloudflared-Proxy-Connection-Upgrade",
    "update-configuration",
    "CF-Ray",
    "forged",
    "CF-Visitor",
    "{}",
  ];
  const headers = requestHeaders({ ...visitor, rawHeaders: forged });
  assert.equal(headers["cf-connecting-ip"], "203.0.113.9");
  assert.equal(headers["x-forwarded-proto"], "http");
  assert.equal(headers["x-forwarded-for"], "10.0.0.1, 203.0.113.9");
  assert.equal(headers["cf-ray"], "ray");
  assert.equal(headers["cf-visitor"], '{"scheme":"http"}');
  assert.ok(!Object.keys(headers).some((name) => name.startsWith("cf-cloudflared")));
});

test("headers of one hop stay on that hop, others pass in whatever number", () => {
  const headers = requestHeaders({
    ...visitor,
    rawHeaders: [
      "Host",
      "acme.example.com",
      "Connection",
      "keep-alive, X-Mine",
      "X-Mine",
      "1",
      "Keep-Alive",
      "5",
      "TE",
      "trailers",
      "Expect",
      "100-continue",
      "Cookie",
      "a=1",
      "Cookie",
      "b=2",
      "Accept",
      "x",
      "Accept",
      "y",
    ],
  });
  assert.deepEqual(
    Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(:|cf-|cdn-|x-forwarded)/.test(name))),
    { cookie: "a=1; b=2", accept: "x, y" },
  );
  const sent = responseHeaders(
    [
      ":status",
      "200",
      "set-cookie",
      "a=1",
      "set-cookie",
      "b=2",
      "server",
      "Werkzeug",
      "connection",
      "close",
      "cf-cloudflared-response-meta",
      "{}",
    ],
    "ray",
  );
  assert.deepEqual(sent, ["set-cookie", "a=1", "set-cookie", "b=2", "server", "cloudflare", "cf-ray", "ray"]);
});
