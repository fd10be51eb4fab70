import assert from "node:assert/strict";
import { createSecretKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { exportJWK, SignJWT } from "jose";
import { ACCESS } from "../../../automation/api/access.ts";
import { ROLES, type Role } from "../../../automation/api/auth/roles.ts";
import { tokenVerifier, TokenRefused } from "../../../automation/api/auth/tokens.ts";
import { ALL_ENDPOINTS } from "../../../automation/api/openapi/all-endpoints.ts";
import { type Answer, SECRET, SETTINGS, startTestApi } from "./fixture.ts";

/** The least role for each route, written down a second time on purpose: a slip in the table shows here. */
const EXPECTED: Record<"public" | Role, readonly string[]> = {
  public: ["GET /livez", "GET /healthz", "GET /readyz", "GET /openapi.json", "POST /webhook/stripe"],
  viewer: [
    "GET /metrics",
    "GET /api/tenants",
    "GET /api/tenants/{id}",
    "GET /api/tenants/{id}/config",
    "GET /api/tenants/{id}/operations",
    "GET /api/tunnels",
    "GET /api/tunnels/{id}",
    "GET /api/tunnels/{id}/status",
    "GET /api/tunnels/subscription/{subscription_id}/tunnel",
    "GET /api/operations",
    "GET /api/operations/{id}",
    "GET /api/operations/{id}/events",
    "GET /api/plans",
    "GET /api/dashboard/metrics",
    "GET /api/tasks",
    "GET /api/events",
    "GET /api/queue",
    "GET /api/rotations",
  ],
  operator: [
    "POST /api/tenants",
    "PATCH /api/tenants/{id}",
    "POST /api/tenants/{id}/suspend",
    "POST /api/tenants/{id}/resume",
    "POST /api/tenants/{id}/retry",
    "POST /api/tenants/{id}/unlock",
    "POST /api/tenants/{id}/preview",
    "POST /api/retries",
    "POST /api/tenants/{id}/pause",
    "POST /api/tenants/{id}/unpause",
    "POST /api/tunnels",
    "GET /api/tunnels/{id}/logs",
    "POST /api/tunnels/{id}/restart",
    "POST /api/tunnels/{id}/retry",
    "POST /api/tunnels/{id}/unlock",
    "POST /api/tunnels/{id}/preview",
    "POST /api/tasks/{id}/resolve",
    "GET /api/events/{id}",
    "POST /api/events/{id}/replay",
    "POST /api/queue/dead-letters/{id}/retry",
    "GET /api/audit",
  ],
  admin: [
    "DELETE /api/tenants/{id}",
    "DELETE /api/tunnels/{id}",
    "POST /api/queue/pause",
    "POST /api/queue/unpause",
    "GET /api/audit/verify",
    "POST /api/tenants/{id}/rotate",
    "POST /api/tunnels/{id}/rotate",
    "POST /api/tenants/{id}/initial-password",
    "POST /api/rotations",
    "POST /api/hosts/{id}/rotate",
    "GET /api/secrets",
    "POST /api/secrets/reload",
  ],
};

const claims = (
  more: { aud?: string; iss?: string; exp?: number; sub?: string; role?: string; alg?: string; secret?: string } = {},
): Promise<string> => {
  const {
    aud = "odoosaas-api",
    iss = "odoosaas",
    exp = Math.floor(Date.now() / 1_000) + 60,
    sub = "tester",
    role = "admin",
    alg = "HS256",
    secret = SECRET,
  } = more;
  return new SignJWT({ role })
    .setProtectedHeader({ alg })
    .setSubject(sub)
    .setIssuer(iss)
    .setAudience(aud)
    .setExpirationTime(exp)
    .sign(createSecretKey(Buffer.from(secret)));
};

const EXPECTED_ROUTES = Object.entries(EXPECTED).flatMap(([role, routes]) =>
  routes.map((route) => [route, role as "public" | Role] as const),
);

type Api = Awaited<ReturnType<typeof startTestApi>>;

/** A request of the route, for something that is not there. */
async function ask(api: Api, route: string, token: string | null): Promise<Answer> {
  const [method = "", template = ""] = route.split(" ");
  const path = template
    .replace("{subscription_id}", "sub_none")
    .replace(/\/tunnels\/\{id\}/, "/tunnels/none-tunnel")
    .replace(/\/(events|dead-letters)\/\{id\}/, "/$1/none")
    .replace("{id}", "99999");
  return await api.call(method, path, { token, ...(method !== "GET" && { body: {} }) });
}

test("nobody is let in at any route without a good token", async (t) => {
  const api = await startTestApi(t);
  const bad = {
    "no token": null,
    expired: await claims({ exp: Math.floor(Date.now() / 1_000) - 60 }),
    "wrong audience": await claims({ aud: "somebody-else" }),
    "wrong issuer": await claims({ iss: "somebody-else" }),
    "wrong secret": await claims({ secret: "another-secret-for-tests-of-32-characters" }),
    "unknown role": await claims({ role: "root" }),
    "no JWT": "abc.def",
  };
  for (const [route, needed] of EXPECTED_ROUTES) {
    if (needed === "public") {
      assert.notEqual((await ask(api, route, null)).status, 401, route);
      continue;
    }
    for (const [what, token] of Object.entries(bad)) {
      const { status, headers, at } = await ask(api, route, token);
      assert.equal(status, 401, `${route} with ${what}`);
      assert.match(headers.get("www-authenticate") ?? "", /^Bearer realm="odoosaas"/);
      assert.equal(at("type"), "/problems/Unauthenticated");
    }
  }
});

test("each route lets in exactly the roles of the table", async (t) => {
  const api = await startTestApi(t);
  assert.deepEqual(new Set(Object.keys(ACCESS)), new Set(EXPECTED_ROUTES.map(([route]) => route)));
  let identity = 0;
  for (const [route, needed] of EXPECTED_ROUTES) {
    if (needed === "public") continue;
    for (const role of ROLES) {
      const { status, at } = await ask(api, route, await api.token(role, `tester-${++identity}`));
      const allowed = ROLES.indexOf(role) >= ROLES.indexOf(needed);
      assert.equal(status === 403, !allowed, `${route} as ${role} answered ${status}`);
      assert.notEqual(status, 401, `${route} as ${role}`);
      if (!allowed) assert.match(String(at("detail")), new RegExp(`needs the role ${needed}`));
    }
  }
});

test("every documented route is in the table, and the other way round", () => {
  assert.deepEqual(new Set(ALL_ENDPOINTS.map(({ route }) => route)), new Set(Object.keys(ACCESS)));
});

test("a guesser is slowed down, and a good token from the same address is not", async (t) => {
  const api = await startTestApi(t, { settings: { ...SETTINGS, failedSignIns: 5 } });
  let refused: Answer | undefined;
  for (let n = 0; n < 40 && refused?.status !== 429; n++)
    refused = await api.call("GET", "/api/tenants", { token: "nonsense" });
  assert.equal(refused?.status, 429);
  assert(Number(refused?.headers.get("retry-after")) > 0);
  assert.equal((await api.call("GET", "/api/tenants")).status, 200);
});

test("one identity has so many requests a minute, and another one its own", async (t) => {
  const api = await startTestApi(t, { settings: { ...SETTINGS, ratePerMinute: 3 } });
  const busy = await api.token("viewer", "busy");
  for (let n = 0; n < 3; n++) assert.equal((await api.call("GET", "/api/tenants", { token: busy })).status, 200);
  const { status, headers, at } = await api.call("GET", "/api/tenants", { token: busy });
  assert.equal(status, 429);
  assert(Number(headers.get("retry-after")) > 0 && Number(headers.get("retry-after")) <= 60);
  assert.match(headers.get("content-type") ?? "", /application\/problem\+json/);
  assert.equal(at("type"), "/problems/TooManyRequests");
  assert.equal((await api.call("GET", "/api/tenants", { token: await api.token("viewer", "calm") })).status, 200);
  assert.equal((await api.call("GET", "/healthz", { token: null })).status, 200);
});

test("who has no token is counted by address, for pages and for what is not there as well", async (t) => {
  const api = await startTestApi(t, { settings: { ...SETTINGS, ratePerMinute: 3 } });
  const ask = (path: string): Promise<Answer> => api.call("GET", path, { token: null, undocumented: true });
  const seen = [await ask("/docs"), await ask("/nothing"), await ask("/openapi.json"), await ask("/nothing")];
  assert.deepEqual(
    seen.map(({ status }) => status),
    [200, 404, 200, 429],
  );
  assert(Number(seen.at(-1)?.headers.get("retry-after")) > 0);
  assert.equal((await ask("/readyz")).status, 200);
  assert.equal((await api.call("GET", "/api/tenants")).status, 200, "an identity has its own");
});

test("nobody's body is read before it is known whose it is", async (t) => {
  const api = await startTestApi(t);
  const ask = (token: string | null): Promise<Answer> => api.call("POST", "/api/tenants", { body: "{ no JSON", token });
  assert.equal((await ask(null)).status, 401);
  assert.equal((await ask(await api.token("viewer"))).status, 403);
  assert.equal((await ask(await api.token("admin"))).status, 400);
});

test("while a secret is being changed, tokens of both are taken and the first one signs", async () => {
  const old = "an-old-secret-for-tests-of-32-characters";
  const verify = tokenVerifier({ secrets: [SECRET, old] });
  assert.partialDeepStrictEqual(await verify(await claims({ secret: old })), { subject: "tester", role: "admin" });
  assert.partialDeepStrictEqual(await verify(await claims({ role: "viewer" })), { subject: "tester", role: "viewer" });
  await assert.rejects(tokenVerifier({ secrets: [SECRET] })(await claims({ secret: old })), TokenRefused);
  const exp = Math.floor(Date.now() / 1_000) + 90;
  const { expiresAt } = await verify(await claims({ exp }));
  assert.equal(expiresAt.getTime(), (exp + 5) * 1_000, "with the tolerance for clocks that differ");
});

test("tokens without an end, a subject or a signature are refused", async () => {
  const verify = tokenVerifier({ secrets: [SECRET] });
  const endless = await new SignJWT({ role: "admin" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("x")
    .setIssuer("odoosaas")
    .setAudience("odoosaas-api")
    .sign(Buffer.from(SECRET));
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = { sub: "x", role: "admin", iss: "odoosaas", aud: "odoosaas-api", exp: 9_999_999_999 };
  const unsigned = `${part({ alg: "none" })}.${part(body)}.`;
  for (const token of [
    endless,
    await claims({ sub: "" }),
    unsigned,
    await claims({ alg: "HS512", secret: SECRET.repeat(2) }),
  ]) {
    await assert.rejects(verify(token), TokenRefused);
  }
});

interface Provider {
  readonly settings: { jwksUrl: string; issuer: string; audience: string };
  readonly publicKey: KeyObject;
  /** Another than 200 is an outage. */
  status: number;
  sign(more?: { aud?: string; kid?: string }): Promise<string>;
}

async function startProvider(t: Pick<TestContext, "after">): Promise<Provider> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "RS256", use: "sig" };
  const keys = createServer((_req, res) =>
    res.writeHead(provider.status, { "content-type": "application/json" }).end(JSON.stringify({ keys: [jwk] })),
  ).listen(0, "127.0.0.1");
  t.after(() => keys.close());
  await once(keys, "listening");
  const jwksUrl = `http://127.0.0.1:${(keys.address() as AddressInfo).port}/jwks`;
  const settings = { jwksUrl, issuer: "https://id.example.com", audience: "tenants" };
  const provider: Provider = {
    settings,
    publicKey,
    status: 200,
    sign: ({ aud = settings.audience, kid = "k1" } = {}) =>
      new SignJWT({ role: "operator" })
        .setProtectedHeader({ alg: "RS256", kid })
        .setSubject("ada")
        .setIssuer(settings.issuer)
        .setAudience(aud)
        .setExpirationTime("3h")
        .sign(privateKey),
  };
  return provider;
}

test("an identity provider's tokens are taken, and its public key signs nothing", async (t) => {
  const provider = await startProvider(t);
  const { issuer, audience } = provider.settings;
  const verify = tokenVerifier({ secrets: [SECRET], provider: provider.settings });
  assert.partialDeepStrictEqual(await verify(await provider.sign()), { subject: "ada", role: "operator" });
  await assert.rejects(verify(await provider.sign({ aud: "other" })), /"aud" is not accepted/);
  await assert.rejects(verify(await provider.sign({ kid: "k2" })), TokenRefused);
  const pem = provider.publicKey.export({ type: "spki", format: "pem" }).toString();
  const confused = await new SignJWT({ role: "admin" })
    .setProtectedHeader({ alg: "HS256", kid: "k1" })
    .setSubject("eve")
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime("1m")
    .sign(Buffer.from(pem));
  await assert.rejects(verify(confused), TokenRefused);
  assert.partialDeepStrictEqual(await verify(await claims()), { subject: "tester", role: "admin" });
});

test("while an identity provider is away, its tokens are no failed sign-ins, and its last keys are taken for an hour", async (t) => {
  const provider = await startProvider(t);
  provider.status = 500;
  const verify = tokenVerifier({ secrets: [SECRET], provider: provider.settings });
  const api = await startTestApi(t, { verify, settings: { ...SETTINGS, failedSignIns: 1 } });
  const ask = async (token: string): Promise<Answer> => api.call("GET", "/api/plans", { token });
  const token = await provider.sign();
  for (let n = 0; n < 3; n++) {
    const { status, headers, at } = await ask(token);
    assert.deepEqual([status, headers.get("retry-after"), at("type")], [503, "5", "/problems/Unavailable"]);
  }
  assert.equal((await ask(await claims())).status, 200, "the server's own tokens need no provider");
  provider.status = 200;
  assert.equal((await ask(token)).status, 200);
  provider.status = 500;
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 59 * 60_000 });
  assert.equal((await ask(token)).status, 200);
  assert.equal((await ask(await provider.sign({ kid: "a newer one" }))).status, 503);
  t.mock.timers.setTime(Date.now() + 61 * 60_000);
  assert.equal((await ask(token)).status, 503);
});
