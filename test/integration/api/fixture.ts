import { Writable } from "node:stream";
import { type TestContext } from "node:test";
import { Router } from "express";
import { pino } from "pino";
import { createApp } from "../../../automation/api/app.ts";
import { mintToken, tokenVerifier } from "../../../automation/api/auth/tokens.ts";
import type { Role } from "../../../automation/api/auth/roles.ts";
import type { ApiDeps } from "../../../automation/api/deps.ts";
import { StreamSlots } from "../../../automation/api/http/event-stream.ts";
import { listen } from "../../../automation/api/listen.ts";
import type { Database } from "../../../automation/db/database.ts";
import { logMixin } from "../../../automation/telemetry/log-fields.ts";
import { Metrics } from "../../../automation/metrics/metrics.ts";
import { TunnelHealth } from "../../../automation/metrics/tunnel-health.ts";
import { DatabaseTunnels } from "../../../automation/tunnels/database-tunnels.ts";
import { PlatformSettings } from "../../../components/settings/platform-settings.ts";
import { freshDatabase } from "../../database.ts";
import { FakeConnectors } from "./fake-connectors.ts";
import { FakeQueue } from "./fake-queue.ts";
import { FakeTenants } from "../../unit/api/fake-tenants.ts";
import { assertDocumented } from "./openapi-check.ts";

export const SECRET = "a-secret-for-tests-of-32-characters";
/** In everything that must never be shown; a test looks for it. */
export const CANARY = "canary-8f1b6c0d";

export const PLATFORM = PlatformSettings.parse({
  id: "test",
  domain: "example.com",
  cloudflare: { accountId: "a".repeat(32), zoneId: "b".repeat(32) },
  postgres: { host: "db.internal", user: "platform" },
  hosts: [
    {
      id: 105,
      address: "172.16.16.105",
      ssh: { hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA" },
      odoo: { role: "odoo_h105" },
    },
  ],
  plans: { shared: {}, dedicated: { connectionLimit: 50, modules: ["crm"] } },
  masterKey: `${CANARY}-master-key-of-32-characters`,
  cloudflareApiToken: `${CANARY}-cloudflare-token-of-40-characters-`,
  postgresPassword: `${CANARY}-postgres`,
  sshPrivateKey: `PRIVATE KEY ${CANARY}`,
});

export const SETTINGS: ApiDeps["settings"] = {
  trustProxy: false,
  corsOrigins: ["https://panel.example.com"],
  ratePerMinute: 100_000,
  failedSignIns: 100_000,
  requestTimeout: 10,
  maxWait: 5,
};

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
  /** What is at `tenant.state`; `tenants.*.subdomain` is a list. Undefined when there is nothing. */
  readonly at: (path: string) => unknown;
}

export interface TestApi {
  readonly url: string;
  readonly tenants: FakeTenants;
  readonly queue: FakeQueue;
  readonly connectors: FakeConnectors;
  readonly database: Database;
  readonly shutdown: AbortController;
  /** Everything that was logged. */
  readonly log: () => string;
  token(role?: Role, subject?: string): Promise<string>;
  /** As an admin unless told otherwise; every answer is held against the OpenAPI document. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly role?: Role | undefined;
  /** null: none. */
  readonly token?: string | null;
  /** Not held against the document: paths and methods that are not in it. */
  readonly undocumented?: boolean;
  readonly signal?: AbortSignal;
}

/** The app on a free port, before a real PostgreSQL and a domain made of memory. */
export async function startTestApi(t: Pick<TestContext, "after">, more: Partial<ApiDeps> = {}): Promise<TestApi> {
  const database = await freshDatabase({ connections: 5 });
  const tenants = new FakeTenants();
  tenants.database = database;
  const queue = new FakeQueue();
  const connectors = new FakeConnectors();
  const tunnelHealth = new TunnelHealth({
    targets: async () => [],
    probe: async () => ({ ok: true, ms: 1, status: 200, problem: undefined }),
  });
  const shutdown = new AbortController();
  let logged = "";
  const log = pino(
    { level: "debug", mixin: logMixin },
    new Writable({ write: (chunk: Buffer, _encoding, done) => ((logged += chunk.toString()), done()) }),
  );
  const app = createApp({
    settings: SETTINGS,
    log,
    database,
    tenants,
    standaloneTunnels: new DatabaseTunnels({ db: database, queue, platform: async () => PLATFORM }),
    queue,
    platform: () => PLATFORM,
    platformStack: "organization/odoosaas/prod",
    verify: tokenVerifier({ secrets: [SECRET] }),
    cloudflare: async () => undefined,
    connectors,
    hostRoles: { rotate: async (host, restart) => void connectors.rotated.push([host.id, restart]) },
    metrics: new Metrics({
      database,
      tenants,
      queue,
      tunnelHealth: () => tunnelHealth.summary(),
      cloudflare: async () => ({ limit: 1_000, calls: { provision: 8 }, pausedMs: 0 }),
    }),
    tunnelHealth,
    streams: new StreamSlots(),
    webhook: Router(),
    readiness: [{ name: "database", check: async () => void (await database.query("select 1")) }],
    shutdown: shutdown.signal,
    ...more,
  });
  const listening = await listen(app, { host: "127.0.0.1", port: 0, behindProxy: false });
  t.after(async () => {
    shutdown.abort();
    await listening.close(100);
    await database.end();
  });
  const token = (role: Role = "admin", subject = "tester"): Promise<string> =>
    mintToken(SECRET, { role, subject, expires: "5m" });
  return {
    url: listening.url,
    tenants,
    queue,
    connectors,
    database,
    shutdown,
    token,
    log: () => logged,
    async call(method, path, options = {}) {
      const bearer = options.token === undefined ? await token(options.role) : options.token;
      const response = await fetch(`${listening.url}${path}`, {
        method,
        headers: {
          ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
          ...(options.body !== undefined && { "content-type": "application/json" }),
          ...options.headers,
        },
        ...(options.body !== undefined && {
          body: typeof options.body === "string" ? options.body : JSON.stringify(options.body),
        }),
        ...(options.signal !== undefined && { signal: options.signal }),
      });
      const text = await response.text();
      const type = response.headers.get("content-type") ?? "";
      const body: unknown = type.includes("json") ? JSON.parse(text) : text === "" ? undefined : text;
      if (options.undocumented !== true)
        assertDocumented(method, path.split("?")[0] ?? "", response.status, type, body);
      return { status: response.status, headers: response.headers, body, at: (place) => pick(body, place.split(".")) };
    },
  };
}

function pick(value: unknown, [key, ...rest]: string[]): unknown {
  if (key === undefined) return value;
  if (key === "*") return Array.isArray(value) ? value.map((item: unknown) => pick(item, rest)) : undefined;
  return pick((value as Record<string, unknown> | null | undefined)?.[key], rest);
}
