import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { type CloudflareTunnels, cloudflareTunnels } from "../../../automation/api/tunnels/cloudflare-view.ts";

const ACCOUNT = "a".repeat(32);
const ID = "b6b1c8a4-6d6d-4f3e-9d2b-0d6e4b1c2a3f";
const TUNNEL = { id: ID, name: "acme-tunnel", status: "healthy", created_at: "2026-03-02T10:00:00Z", deleted_at: null };
const CONNECTORS = [
  {
    id: "c1",
    version: "2026.8.2",
    run_at: "2026-03-02T10:11:12Z",
    conns: [{ id: "1", uuid: "1", colo_name: "fra03", opened_at: "2026-03-02T10:11:12Z", origin_ip: "203.0.113.7" }],
  },
];

interface Answer {
  readonly status?: number;
  readonly result?: unknown;
  readonly errors?: readonly { code: number; message: string }[];
}

/** Cloudflare's API as far as it is asked here: path (with query) to answer. */
async function askedOf(
  t: TestContext,
  answers: Readonly<Record<string, Answer>>,
): Promise<{ tunnels: CloudflareTunnels; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((req, res) => {
    const path = (req.url ?? "").replace(`/client/v4/accounts/${ACCOUNT}`, "");
    seen.push(`${path} ${req.headers.authorization ?? ""}`);
    const {
      status = 200,
      result = null,
      errors = [],
    } = answers[path.split("?")[0] ?? ""] ?? { status: 404, errors: [{ code: 1003, message: "not found" }] };
    res.writeHead(status, { "content-type": "application/json", "x-should-retry": "false" });
    res.end(
      JSON.stringify({
        success: status < 400,
        errors,
        messages: [],
        result,
        result_info: { count: 1, page: 1, per_page: 20, total_count: 1 },
      }),
    );
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const platform = {
    cloudflare: { accountId: ACCOUNT, zoneId: "b".repeat(32), baseUrl: `http://127.0.0.1:${port}/client/v4` },
    cloudflareApiToken: "a-token-of-forty-characters-or-even-more",
  };
  return { tunnels: cloudflareTunnels(() => platform, { spend: async () => undefined, pause: async () => {} }), seen };
}

test("a tunnel is seen with its connectors and their connections", async (t) => {
  const { tunnels, seen } = await askedOf(t, {
    [`/cfd_tunnel/${ID}`]: { result: TUNNEL },
    [`/cfd_tunnel/${ID}/connections`]: { result: CONNECTORS },
  });
  assert.deepEqual(await tunnels({ id: ID, name: "acme-tunnel" }), {
    id: ID,
    name: "acme-tunnel",
    status: "healthy",
    createdAt: "2026-03-02T10:00:00Z",
    connectors: [
      {
        id: "c1",
        version: "2026.8.2",
        since: "2026-03-02T10:11:12Z",
        connections: [{ id: "1", colo: "fra03", since: "2026-03-02T10:11:12Z", originIp: "203.0.113.7" }],
      },
    ],
  });
  assert(seen.every((line) => line.endsWith(" Bearer a-token-of-forty-characters-or-even-more")));
});

test("before its id is known a tunnel is looked up by its whole name", async (t) => {
  const { tunnels } = await askedOf(t, {
    "/cfd_tunnel": { result: [{ ...TUNNEL, name: "acme-tunnel-2", id: "x" }, TUNNEL] },
    [`/cfd_tunnel/${ID}/connections`]: { result: [] },
  });
  assert.equal((await tunnels({ id: null, name: "acme-tunnel" }))?.id, ID);
});

test("a tunnel that the API still shows after its deletion is deleted", async (t) => {
  const { tunnels } = await askedOf(t, {
    [`/cfd_tunnel/${ID}`]: { result: { ...TUNNEL, deleted_at: "2026-03-03T00:00:00Z" } },
  });
  assert.equal((await tunnels({ id: ID, name: "acme-tunnel" }))?.status, "deleted");
});

test("an unknown tunnel is none; a refused token and an outage are told apart", async (t) => {
  assert.equal(await (await askedOf(t, {})).tunnels({ id: ID, name: "acme-tunnel" }), undefined);
  const refused = await askedOf(t, {
    [`/cfd_tunnel/${ID}`]: { status: 403, errors: [{ code: 10_000, message: "Authentication error" }] },
  });
  await assert.rejects(refused.tunnels({ id: ID, name: "acme-tunnel" }), { kind: "CloudflareRefused" });
  const busy = await askedOf(t, { [`/cfd_tunnel/${ID}`]: { status: 429 } });
  await assert.rejects(busy.tunnels({ id: ID, name: "acme-tunnel" }), {
    kind: "CloudflareUnavailable",
    message: /limit/,
  });
  const down = await askedOf(t, { [`/cfd_tunnel/${ID}`]: { status: 500 } });
  await assert.rejects(down.tunnels({ id: ID, name: "acme-tunnel" }), {
    kind: "CloudflareUnavailable",
    message: /500/,
  });
});
