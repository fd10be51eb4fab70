import Cloudflare from "cloudflare";
import pg from "pg";
import { masterKeys, type PlatformSettings } from "../../components/settings/platform-settings.ts";
import type { TenantSettings } from "../../components/settings/tenant-settings.ts";
import type { TunnelSettings } from "../../components/settings/tunnel-settings.ts";
import {
  databaseName,
  hostname,
  ownershipMark,
  roleName,
  tunnelName,
  tunnelOwnershipMark,
} from "../../components/tenant/names.ts";
import { derivePassword, deriveStandaloneTunnelSecret, deriveTunnelSecret } from "../../components/tenant/secrets.ts";
import type { CloudflareBudget } from "../cloudflare/budget.ts";
import { meteredFetch, type Pay } from "../cloudflare/metered-fetch.ts";
import type { Findings } from "./findings.ts";
import { dropInvalid } from "./invalid-database.ts";
import { type ReasonKey, TenantFailure } from "./reasons.ts";

/** Looks at the platform's Cloudflare account and PostgreSQL server directly, past the engine's state. */
export interface Clouds {
  /** What bears the tenant's names. Throws TenantFailure when a cloud cannot be asked. */
  look(tenant: Pick<TenantSettings, "subdomain" | "secretGeneration">): Promise<Findings>;
  /** What bears the names of a container's own tunnel. */
  lookForTunnel(tunnel: Pick<TunnelSettings, "label" | "secretGeneration">): Promise<Findings>;
  /** Ends what a DROP DATABASE that was cut off began; another database is left alone. */
  finishDrop(subdomain: string): Promise<void>;
  /** Ids of the connectors that a tunnel has now. */
  connectors(tunnelId: string): Promise<readonly string[]>;
  /** Closes a connector's connections. One that has the tunnel's present token comes back. */
  disconnect(tunnelId: string, connector: string): Promise<void>;
  /**
   * The same, where somebody else pays for the calls of Cloudflare's API: a run that has reserved them. Otherwise they
   * wait for room in the budget, behind everything else. Is closed with this one.
   */
  paidBy(pay: Pay): Clouds;
  close(): Promise<void>;
}

/** A call that no run pays for gives up after this. */
const WAITS_MS = 30_000;

export class LiveClouds implements Clouds {
  readonly #platform: PlatformSettings;
  readonly #budget: CloudflareBudget;
  readonly #cloudflare: Cloudflare;
  readonly #postgres: pg.Pool;

  constructor(platform: PlatformSettings, budget: CloudflareBudget, of?: { postgres: pg.Pool; pay: Pay }) {
    this.#platform = platform;
    this.#budget = budget;
    const { accountId } = platform.cloudflare;
    const wanted = { purpose: "look", calls: 1, importance: "background" } as const;
    const pay = of?.pay ?? (() => budget.spend(accountId, wanted, WAITS_MS));
    this.#cloudflare = new Cloudflare({
      apiToken: platform.cloudflareApiToken,
      baseURL: platform.cloudflare.baseUrl,
      maxRetries: 3,
      timeout: 15_000,
      fetch: meteredFetch(pay, (ms) => budget.pause(accountId, ms)),
    });
    this.#postgres = of?.postgres ?? this.#pool();
  }

  paidBy(pay: Pay): Clouds {
    return new LiveClouds(this.#platform, this.#budget, { postgres: this.#postgres, pay });
  }

  #pool(): pg.Pool {
    const { user } = this.#platform.postgres;
    const pool = new pg.Pool({
      ...this.#server(),
      user,
      password: this.#platform.postgresPassword,
      max: 4,
      idleTimeoutMillis: 60_000,
      application_name: "odoosaas-claim",
    });
    pool.on("error", () => {}); // an idle connection broke: the pool makes another
    return pool;
  }

  async look(tenant: Pick<TenantSettings, "subdomain" | "secretGeneration">): Promise<Findings> {
    const { id } = this.#platform;
    const { subdomain, secretGeneration } = tenant;
    const secrets = this.#allTo(secretGeneration.tunnel, (key, n) => deriveTunnelSecret(key, subdomain, n));
    const [tunnel, record, rest] = await Promise.all([
      this.#tunnel(tunnelName(subdomain), secrets),
      this.#record(subdomain, ownershipMark(id, subdomain)),
      this.#inPostgres(tenant),
    ]);
    return { ...(tunnel && { tunnel }), ...(record && { record }), ...rest };
  }

  async lookForTunnel({
    label,
    secretGeneration,
  }: Pick<TunnelSettings, "label" | "secretGeneration">): Promise<Findings> {
    const { id } = this.#platform;
    const secrets = this.#allTo(secretGeneration, (key, n) => deriveStandaloneTunnelSecret(key, label, n));
    const [tunnel, record] = await Promise.all([
      this.#tunnel(tunnelName(label), secrets),
      this.#record(label, tunnelOwnershipMark(id, label)),
    ]);
    return { ...(tunnel && { tunnel }), ...(record && { record }) };
  }

  async finishDrop(subdomain: string): Promise<void> {
    await this.#askingPostgres(() => dropInvalid(this.#postgres, databaseName(subdomain)));
  }

  async connectors(tunnelId: string): Promise<readonly string[]> {
    const account_id = this.#platform.cloudflare.accountId;
    return this.#asking(async () => {
      const { result } = await this.#cloudflare.zeroTrust.tunnels.cloudflared.connections.get(tunnelId, { account_id });
      return result.flatMap(({ id }) => id ?? []);
    });
  }

  async disconnect(tunnelId: string, client_id: string): Promise<void> {
    const account_id = this.#platform.cloudflare.accountId;
    await this.#asking(async () =>
      this.#cloudflare.zeroTrust.tunnels.cloudflared.connections.delete(tunnelId, { account_id, client_id }),
    );
  }

  async close(): Promise<void> {
    await this.#postgres.end();
  }

  /** Ours when its token holds the secret that we derive, of this or an earlier generation. */
  async #tunnel(name: string, secrets: readonly string[]): Promise<Findings["tunnel"]> {
    const account_id = this.#platform.cloudflare.accountId;
    return this.#asking(async () => {
      const tunnels = this.#cloudflare.zeroTrust.tunnels.cloudflared;
      const page = await tunnels.list({ account_id, name, is_deleted: false });
      const id = page.result.find((tunnel) => tunnel.name === name && !tunnel.deleted_at)?.id;
      if (id === undefined) return undefined;
      const { s: secret } = JSON.parse(
        Buffer.from(await tunnels.token.get(id, { account_id }), "base64").toString(),
      ) as { s?: string };
      return { id, ours: secrets.some((ours) => ours === secret) };
    });
  }

  async #record(label: string, mark: string): Promise<Findings["record"]> {
    const name = hostname(label, this.#platform.domain);
    return this.#asking(async () => {
      const { result } = await this.#cloudflare.dns.records.list({
        zone_id: this.#platform.cloudflare.zoneId,
        name: { exact: name },
      });
      const another = result.find(({ comment }) => comment !== mark);
      const found = another ?? result[0];
      return found && { id: found.id, ours: another === undefined, is: `${found.type} ${String(found.content)}` };
    });
  }

  async #asking<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw new TenantFailure(reasonOfCloudflare(error), `asking Cloudflare: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  async #inPostgres({
    subdomain,
    secretGeneration,
  }: Pick<TenantSettings, "subdomain" | "secretGeneration">): Promise<Findings> {
    return this.#askingPostgres(async () => {
      const { rows } = await this.#postgres.query<{
        role: boolean;
        owner: string | null;
        comment: string | null;
        invalid: boolean;
      }>(FIND, [roleName(subdomain), databaseName(subdomain)]);
      const [row] = rows;
      const mark = ownershipMark(this.#platform.id, subdomain);
      return {
        ...(row?.role === true && { role: { ours: await this.#logsIn(subdomain, secretGeneration.postgresRole) } }),
        ...(row !== undefined &&
          row.owner !== null && {
            database: {
              owner: row.owner,
              mark: row.comment === mark ? "ours" : row.comment === null ? "unmarked" : "another",
              ...(row.invalid && { halfDropped: true }),
            },
          }),
      };
    });
  }

  async #askingPostgres<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw new TenantFailure(reasonOfPostgres(error), `asking PostgreSQL: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** Whether the role takes the password that we derive, of this or an earlier generation. */
  async #logsIn(subdomain: string, newest: number): Promise<boolean> {
    const passwords = this.#allTo(newest, (key, n) => derivePassword(key, subdomain, "postgres-role", n));
    for (const password of passwords) {
      const client = new pg.Client({ ...this.#server(), user: roleName(subdomain), password });
      client.on("error", () => {});
      try {
        await client.connect();
        return true;
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "53300") return true; // all its connections are in use: the password was right
        if (code === "42501") return true; // may not connect to the maintenance database: likewise
        if (code !== "28P01" && code !== "28000") throw error;
      } finally {
        await client.end().catch(() => {});
      }
    }
    return false;
  }

  /** A secret's generations, the newest first: of the present master key, and of the former while that is exchanged. */
  #allTo(newest: number, derive: (masterKey: string, generation: number) => string): string[] {
    return masterKeys(this.#platform).flatMap((key) =>
      Array.from({ length: newest }, (_, older) => derive(key, newest - older)),
    );
  }

  #server(): pg.ClientConfig {
    const { host, port, sslmode, maintenanceDatabase } = this.#platform.postgres;
    return {
      host,
      port,
      database: maintenanceDatabase,
      ssl: sslmode === "disable" ? false : { rejectUnauthorized: sslmode.startsWith("verify") },
      connectionTimeoutMillis: 10_000,
    };
  }
}

const FIND = `
  select exists (select from pg_roles where rolname = $1) as role, pg_get_userbyid(d.datdba) as owner,
    shobj_description(d.oid, 'pg_database') as comment, coalesce(d.datconnlimit = -2, false) as invalid
  from (select 1) as one left join pg_database d on d.datname = $2`;

function reasonOfCloudflare(error: unknown): ReasonKey {
  const status = error instanceof Cloudflare.APIError ? (error as { status?: number }).status : undefined;
  if (status === 401 || status === 403) return "cloudflare-refused";
  if (status === 429) return "cloudflare-limit";
  return status !== undefined && status < 500 ? "cloudflare-error" : "cloudflare-unreachable";
}

function reasonOfPostgres(error: unknown): ReasonKey {
  const { code } = error as { code?: string };
  if (code === "28P01" || code === "28000") return "postgres-login-refused";
  if (code === "53300") return "postgres-full";
  return code === undefined || !/^[0-9A-Z]{5}$/.test(code) || /^(08|57P|53)/.test(code)
    ? "postgres-unreachable"
    : "postgres-error";
}
