import { mkdtempSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { LocalWorkspace, type Stack } from "@pulumi/pulumi/automation/index.js";
import Cloudflare from "cloudflare";
import pg from "pg";
import { tenantProgram } from "../../components/program.ts";
import { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { TenantSettings } from "../../components/settings/tenant-settings.ts";
import { derivePassword } from "../../components/tenant/secrets.ts";
import type { Adoption } from "../../components/tenant/tenant.ts";
import { temporaryDirectory } from "../../sandbox/instance.ts";
import { startSandbox, type Sandbox, type SandboxOptions } from "../../sandbox/lifecycle/sandbox.ts";
import { connectSsh, type Ssh } from "./host/ssh.ts";

export interface Page {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface Visit {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** A sandbox, and the doors through which a test sees the effects. */
export interface World {
  sandbox: Sandbox;
  platform: PlatformSettings;
  /** A visitor's request through the edge, by the tenant's public host name. */
  visit(subdomain: string, path: string, visit?: Visit): Promise<Page>;
  /** Logs in to Odoo as the tenant's first administrator; the session's cookie. Throws when refused. */
  login(subdomain: string, login?: string): Promise<string>;
  /** One JSON-RPC call of a logged-in session to Odoo's models. */
  callOdoo(subdomain: string, session: string, model: string, method: string, args: unknown[]): Promise<unknown>;
  /** A connection to the sandbox's PostgreSQL as its superuser; whoever asks ends it. */
  connect(database?: string): Promise<pg.Client>;
  /** Rows as PostgreSQL's superuser sees them. */
  sql<Row extends object>(query: string, values?: unknown[], database?: string): Promise<Row[]>;
  /** A request to the Automation API as its administrator. */
  api(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<ApiAnswer>;
  /** As the host's administrator. */
  host: Ssh;
  cloudflare: Cloudflare;
  /** A tenant's stack, run as the server and operators run it. */
  stack(tenant: Partial<TenantSettings> & { subdomain: string }, changes?: StackChanges): Promise<Stack>;
  close(): Promise<void>;
}

export interface ApiAnswer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export interface StackChanges {
  platform?: Partial<PlatformSettings>;
  adopt?: Adoption;
}

export async function startWorld(options: SandboxOptions = {}): Promise<World> {
  const sandbox = await startSandbox(options);
  const platform = PlatformSettings.parse(
    JSON.parse(
      await sandbox.pulumi(
        "stack",
        "output",
        "settings",
        "--json",
        "--show-secrets",
        "-s",
        "organization/odoosaas/prod",
      ),
    ),
  );
  const [hostSettings] = platform.hosts;
  if (!hostSettings) throw new Error("the sandbox has no host");
  const host = await connectSsh({
    address: hostSettings.address,
    privateKey: sandbox.secrets.sshAdministrator.privateKey,
    hostKey: hostSettings.ssh.hostKey,
  });
  const envVars = await sandbox.engineEnvironment();
  // The Automation API looks for the engine on this process's own PATH.
  process.env["PATH"] = envVars["PATH"];
  const visit: World["visit"] = (subdomain, path, asked = {}) => visitEdge(sandbox, subdomain, path, asked);
  const connect = async (database = "postgres"): Promise<pg.Client> => {
    const client = new pg.Client({
      host: "127.0.0.1",
      port: sandbox.instance.ports.postgres,
      user: "postgres",
      password: sandbox.secrets.postgresSuperuser,
      database,
    });
    await client.connect();
    return client;
  };
  return {
    sandbox,
    platform,
    visit,
    host,
    login: async (subdomain, login = `owner@${subdomain}.example`) => {
      const password = derivePassword(platform.masterKey, subdomain, "odoo-admin");
      const page = await visit(subdomain, "/web/session/authenticate", json({ db: subdomain, login, password }));
      const answer = JSON.parse(page.body) as { result?: { uid?: number; db?: string } };
      const cookie = [page.headers["set-cookie"] ?? []]
        .flat()
        .map((line) => line.split(";")[0])
        .join("; ");
      if (!answer.result?.uid || answer.result.db !== subdomain)
        throw new Error(`login refused: ${page.body.slice(0, 300)}`);
      return cookie;
    },
    callOdoo: async (subdomain, session, model, method, args) => {
      const asked = json({ model, method, args, kwargs: {} });
      const page = await visit(subdomain, "/web/dataset/call_kw", {
        ...asked,
        headers: { ...asked.headers, cookie: session },
      });
      const answer = JSON.parse(page.body) as { result?: unknown; error?: { data?: { message?: string } } };
      if (answer.error) throw new Error(answer.error.data?.message ?? page.body);
      return answer.result;
    },
    connect,
    sql: async <Row extends object>(query: string, values: unknown[] = [], database?: string) => {
      const client = await connect(database);
      try {
        return (await client.query<Row>(query, values)).rows;
      } finally {
        await client.end();
      }
    },
    api: async (method, path, body, headers = {}) => {
      const response = await fetch(`${sandbox.api.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${sandbox.api.token}`,
          ...(body && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text ? (JSON.parse(text) as Record<string, unknown>) : {},
      };
    },
    cloudflare: new Cloudflare({
      apiToken: platform.cloudflareApiToken,
      baseURL: platform.cloudflare.baseUrl,
      maxRetries: 0,
    }),
    stack: async (tenant, changes = {}) => {
      const settings = TenantSettings.parse({
        plan: "starter",
        hostId: hostSettings.id,
        adminEmail: `owner@${tenant.subdomain}.example`,
        ...tenant,
      });
      return await LocalWorkspace.createOrSelectStack(
        {
          projectName: "odoosaas",
          stackName: `organization/odoosaas/${tenant.subdomain}`,
          program: tenantProgram({ ...platform, ...changes.platform }, settings, changes.adopt),
        },
        { workDir: mkdtempSync(join(temporaryDirectory(sandbox.instance), "stack-")), envVars },
      );
    },
    close: async () => {
      host.end();
      await sandbox.stop();
    },
  };
}

function json(params: object): Required<Visit> {
  return {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", method: "call", params }),
  };
}

async function visitEdge(sandbox: Sandbox, subdomain: string, path: string, asked: Visit): Promise<Page> {
  const { domain, ports } = sandbox.instance;
  // An absolute name is a custom domain.
  const name = subdomain.includes(".") ? subdomain : `${subdomain}.${domain}`;
  return await new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: ports.edge,
        path,
        method: asked.method ?? "GET",
        headers: { host: `${name}:${ports.edge}`, ...asked.headers },
        timeout: 60_000,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString() }),
        );
        answer.on("error", reject);
      },
    );
    sent.on("error", reject).on("timeout", () => sent.destroy(new Error(`${path} took over a minute`)));
    sent.end(asked.body);
  });
}
