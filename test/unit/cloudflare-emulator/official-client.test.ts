import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import Cloudflare from "cloudflare";
import type { CloudflareConfig } from "../../../sandbox/cloudflare/config.ts";
import type { z } from "zod";
import { ACCOUNT, startAccount, TOKEN, ZONE } from "./account.ts";

async function start(
  t: TestContext,
  settings: Partial<z.input<typeof CloudflareConfig>> = {},
  options: { maxRetries?: number } = {},
) {
  const account = await startAccount(t, settings);
  const baseURL = `http://127.0.0.1:${account.ports.api}/client/v4`;
  const client = new Cloudflare({ apiToken: TOKEN, baseURL, maxRetries: options.maxRetries ?? 0, logLevel: "off" });
  return { account, client, tunnels: client.zeroTrust.tunnels.cloudflared };
}

const here = { account_id: ACCOUNT } as const;

test("a tunnel's whole life through the official client", async (t) => {
  const { client, tunnels } = await start(t);
  const secret = Buffer.alloc(32, 1).toString("base64");
  const made = await tunnels.create({ ...here, name: "acme-tunnel", config_src: "cloudflare", tunnel_secret: secret });
  const id = made.id ?? "";
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(
    [made.account_tag, made.status, made.tun_type, made.config_src, made.deleted_at, made.conns_active_at],
    [ACCOUNT, "inactive", "cfd_tunnel", "cloudflare", null, null],
  );

  const config = {
    ingress: [
      {
        hostname: "acme.example.com",
        service: "http://127.0.0.1:8069",
        originRequest: { httpHostHeader: "acme.example.com" },
      },
      { service: "http_status:404" },
    ],
  };
  const put = await tunnels.configurations.update(id, { ...here, config: config as never });
  assert.equal(put.version, 1);
  const got = await tunnels.configurations.get(id, here);
  assert.deepEqual(got.config, config, "nothing is added to what was given");
  assert.deepEqual([got.version, got.source, got.tunnel_id, got.account_id], [1, "cloudflare", id, ACCOUNT]);

  const token = await tunnels.token.get(id, here);
  assert.deepEqual(JSON.parse(Buffer.from(token, "base64").toString()), { a: ACCOUNT, t: id, s: secret });

  const connections = [];
  for await (const connector of tunnels.connections.get(id, here)) connections.push(connector);
  assert.deepEqual(connections, []);

  assert.equal((await tunnels.edit(id, { ...here, name: "acme-2" })).name, "acme-2");
  await tunnels.connections.delete(id, here);
  assert.ok((await tunnels.delete(id, here)).deleted_at);
  assert.ok((await tunnels.get(id, here)).deleted_at, "a deleted tunnel is still answered");
  assert.equal((await client.zones.get({ zone_id: ZONE })).name, "example.com");
});

test("all pages of a long list are read, and filters hold over them", async (t) => {
  const { tunnels } = await start(t);
  for (let n = 0; n < 45; n++) await tunnels.create({ ...here, name: `${n % 3 === 0 ? "x" : "y"}-${n}` });
  const gone = await tunnels.create({ ...here, name: "gone" });
  await tunnels.delete(gone.id ?? "", here);
  const names = async (query: object) => {
    const found = [];
    for await (const tunnel of tunnels.list({ ...here, ...query })) found.push(tunnel.name);
    return found;
  };
  assert.equal((await names({ is_deleted: false })).length, 45);
  assert.equal((await names({ is_deleted: false, per_page: 7 })).length, 45);
  assert.equal(new Set(await names({ is_deleted: false, per_page: 7 })).size, 45);
  assert.deepEqual(await names({ is_deleted: true }), ["gone"]);
  assert.equal((await names({})).length, 46, "without is_deleted all are there");
  assert.equal((await names({ include_prefix: "x-" })).length, 15);
  assert.equal((await names({ exclude_prefix: "x-", is_deleted: false })).length, 30);
  assert.deepEqual(await names({ name: "y-1" }), ["y-1"]);
  assert.deepEqual(await names({ uuid: gone.id }), ["gone"]);
  assert.equal((await names({ status: "healthy" })).length, 0);
  assert.equal((await names({ existed_at: "2000-01-01T00:00:00Z" })).length, 0);
  const page = await tunnels.list({ ...here, is_deleted: false, page: 3 });
  assert.deepEqual(page.result_info, { page: 3, per_page: 20, count: 5, total_count: 45, total_pages: 3 });
});

test("DNS records through the official client", async (t) => {
  const { client } = await start(t);
  const zone = { zone_id: ZONE };
  const record = (name: string) => ({
    ...zone,
    name,
    type: "CNAME" as const,
    content: "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415.cfargotunnel.com",
    proxied: true,
    ttl: 1 as const,
    comment: `odoosaas platform=prod tenant=${name}`,
  });
  const acme = await client.dns.records.create(record("acme"));
  assert.match(acme.id, /^[0-9a-f]{32}$/);
  assert.deepEqual([acme.name, acme.proxiable, acme.ttl, acme.tags], ["acme.example.com", true, 1, []]);
  await client.dns.records.create(record("bolt"));

  const find = async (query: object) => {
    const found = [];
    for await (const each of client.dns.records.list({ ...zone, ...query })) found.push(each.name);
    return found;
  };
  assert.deepEqual(await find({ name: { exact: "acme.example.com" } }), ["acme.example.com"]);
  assert.deepEqual(await find({ comment: { contains: "tenant=bolt" } }), ["bolt.example.com"]);
  assert.deepEqual(await find({ comment: { startswith: "odoosaas platform=prod" } }), [
    "acme.example.com",
    "bolt.example.com",
  ]);
  assert.deepEqual(await find({ comment: { absent: "true" } }), []);
  assert.deepEqual(await find({ type: "TXT" }), []);
  assert.deepEqual(await find({ type: "CNAME", proxied: true, order: "name", direction: "desc" }), [
    "bolt.example.com",
    "acme.example.com",
  ]);
  assert.deepEqual(await find({ match: "any", type: "TXT", name: { startswith: "acme" } }), ["acme.example.com"]);
  assert.equal((await find({ per_page: 1 })).length, 2);

  const put = await client.dns.records.update(acme.id, { ...record("acme"), comment: "" });
  assert.equal(put.comment, null);
  assert.equal((await client.dns.records.edit(acme.id, { ...record("acme"), comment: "ours" })).comment, "ours");
  assert.deepEqual(await client.dns.records.delete(acme.id, zone), { id: acme.id });
  await assert.rejects(client.dns.records.get(acme.id, zone), refusal(Cloudflare.NotFoundError, 81_044));
});

test("zones and their settings through the official client", async (t) => {
  const { client } = await start(t);
  const made = await client.zones.create({ account: { id: ACCOUNT }, name: "Shop.example" });
  assert.deepEqual([made.name, made.status, made.type, made.paused], ["shop.example", "pending", "full", false]);
  await assert.rejects(
    client.zones.create({ account: { id: ACCOUNT }, name: "shop.example" }),
    refusal(Cloudflare.BadRequestError, 1061),
  );
  const names = [];
  for await (const zone of client.zones.list({ per_page: 5 })) names.push(zone.name);
  assert.deepEqual(names, ["example.com", "shop.example"]);
  assert.equal((await client.zones.list({ name: "contains:shop" })).result.length, 1);
  assert.equal((await client.zones.edit({ zone_id: made.id, paused: true })).paused, true);
  const setting = { zone_id: made.id };
  const ssl = async () => ((await client.zones.settings.get("ssl", setting)) as { value?: unknown }).value;
  assert.equal(await ssl(), "full");
  await client.zones.settings.edit("ssl", { ...setting, value: "strict" });
  assert.equal(await ssl(), "strict");
  assert.deepEqual(await client.zones.delete(setting), { id: made.id });
  await assert.rejects(client.zones.get(setting), refusal(Cloudflare.NotFoundError, 1001));
});

test("refusals arrive as the official client's error classes", async (t) => {
  const { account, client, tunnels } = await start(t);
  await tunnels.create({ ...here, name: "acme" });
  await assert.rejects(tunnels.create({ ...here, name: "acme" }), refusal(Cloudflare.ConflictError, 1013));
  await assert.rejects(
    tunnels.get("f70ff985-a4ef-4643-bbbc-4a0ed4fc8415", here),
    refusal(Cloudflare.NotFoundError, 1003),
  );
  await assert.rejects(tunnels.list({ account_id: "f".repeat(32) }), refusal(Cloudflare.PermissionDeniedError, 10_000));
  await assert.rejects(tunnels.list({ account_id: "me" }), refusal(Cloudflare.NotFoundError, 7003));
  const baseURL = `http://127.0.0.1:${account.ports.api}/client/v4`;
  const stranger = new Cloudflare({ apiToken: "x".repeat(40), baseURL, maxRetries: 0, logLevel: "off" });
  await assert.rejects(async () => await stranger.zones.list(), refusal(Cloudflare.PermissionDeniedError, 9109));
  await assert.rejects(stranger.user.tokens.verify(), refusal(Cloudflare.AuthenticationError, 1000));
  assert.equal((await client.user.tokens.verify())?.status, "active");
});

test("the official client gets over a lost response by itself, and then meets what it made", async (t) => {
  const { account, tunnels } = await start(t, { nameClashShouldRetry: false }, { maxRetries: 1 });
  account.faults.add({ method: "POST", path: "/accounts/*/cfd_tunnel", times: 1, effect: { kind: "lostResponse" } });
  await assert.rejects(tunnels.create({ ...here, name: "acme" }), refusal(Cloudflare.ConflictError, 1013));
  assert.equal((await tunnels.list({ ...here, name: "acme", is_deleted: false })).result.length, 1);
});

function refusal(kind: new (...args: never[]) => Error, code: number) {
  return (error: unknown) => {
    assert.ok(error instanceof kind, `${String(error)} is no ${kind.name}`);
    assert.equal((error as unknown as { errors: { code: number }[] }).errors[0]?.code, code);
    return true;
  };
}
