import assert from "node:assert/strict";
import { test } from "node:test";
import { ACCESS } from "../../../automation/api/access.ts";
import { ROLES, type Role } from "../../../automation/api/auth/roles.ts";
import { ALL_ENDPOINTS } from "../../../automation/api/openapi/all-endpoints.ts";
import { claims } from "./claims.ts";
import { type Answer, SETTINGS, startTestApi } from "./fixture.ts";

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

const EXPECTED_ROUTES = Object.entries(EXPECTED).flatMap(([role, routes]) =>
  routes.map((route) => [route, role as "public" | Role] as const),
);

type Api = Awaited<ReturnType<typeof startTestApi>>;

/** A request of the route, for something that is not there. */
async function askFor(api: Api, route: string, token: string | null): Promise<Answer> {
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
      assert.notEqual((await askFor(api, route, null)).status, 401, route);
      continue;
    }
    for (const [what, token] of Object.entries(bad)) {
      const { status, headers, at } = await askFor(api, route, token);
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
      const { status, at } = await askFor(api, route, await api.token(role, `tester-${++identity}`));
      const allowed: boolean = ROLES.indexOf(role) >= ROLES.indexOf(needed);
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
