import { setTimeout } from "node:timers/promises";
import type { Database } from "../db/database.ts";

export interface BudgetLimit {
  /** In each window, of all processes together. */
  readonly calls: number;
  /** Cloudflare's is 300: https://developers.cloudflare.com/fundamentals/api/reference/limits/ */
  readonly windowSeconds: number;
}

/**
 * How much of the budget work may use up, by its importance. So what matters more finds room when the rest waits, and
 * as calls leave the window it is the first that fits again.
 */
const SHARE = {
  /** A changed wish that nobody waits for. */
  change: 0.9,
  /** Checks, previews, somebody looking at a page. */
  background: 0.7,
  /** A customer waits: a paid checkout, a resume. */
  customer: 1,
} as const;

export type Importance = keyof typeof SHARE;

export interface Wanted {
  /** Shown in the metrics. */
  readonly purpose: string;
  /** The most that it usually needs. */
  readonly calls: number;
  readonly importance: Importance;
}

/** Room for the calls of one run, until it is settled. */
export interface Reservation {
  /** Returns its own calls to the budget, and counts those that were made. Called once; never throws. */
  settle(made: number): Promise<void>;
}

/** `waitMs`: when it may fit; a new attempt may find others quicker. */
export type Grant = { readonly reservation: Reservation } | { readonly waitMs: number };

export interface BudgetUse {
  readonly limit: number;
  /** Calls in the window by purpose, reserved ones too. */
  readonly calls: Readonly<Record<string, number>>;
  /** Of the pause that Cloudflare asked for; 0 without one. */
  readonly pausedMs: number;
}

/** A run takes minutes at most; what a worker that died had reserved comes back after this and a window. */
const HELD_SECONDS = 900;
const SHORTEST_WAIT_MS = 500;
/** An estimate from the present reservations, most of which will turn out smaller. */
const LONGEST_WAIT_MS = 15_000;

/** The calls of Cloudflare's API that all processes together may make, and the pause when they made too many. */
export class CloudflareBudget {
  readonly #db: Database;
  readonly limit: BudgetLimit;

  constructor(db: Database, limit: BudgetLimit) {
    this.#db = db;
    this.limit = limit;
  }

  /** Never waits: who is not granted room has better things to do than to hold up a worker. */
  async reserve(account: string, { purpose, calls, importance }: Wanted): Promise<Grant> {
    const most = Math.floor(this.limit.calls * SHARE[importance]);
    const asked = Math.min(calls, most); // a small limit must not keep a large run waiting for ever
    return this.#db.transaction(async (tx) => {
      const { rows: locked } = await tx.query<{ pausedMs: number }>(LOCK, [account]);
      const pausedMs = locked[0]?.pausedMs ?? 0;
      if (pausedMs > 0) return { waitMs: pausedMs };
      const counted = this.limit.windowSeconds + HELD_SECONDS;
      const { rows } = await tx.query<{ id: number }>(TAKE, [account, purpose, asked, counted, most]);
      const id = rows[0]?.id;
      if (id !== undefined) return { reservation: { settle: (made) => this.#settle(id, account, purpose, made) } };
      const { rows: freed } = await tx.query<{ waitMs: number | null }>(WHEN, [account, asked, most]);
      const waitMs = freed[0]?.waitMs ?? LONGEST_WAIT_MS;
      return { waitMs: Math.min(Math.max(waitMs, SHORTEST_WAIT_MS), LONGEST_WAIT_MS) };
    });
  }

  /**
   * Waits for room, and spends it at once. When it would take longer than `patienceMs`, nothing is spent, and it tells
   * for how many milliseconds there may be no room.
   */
  async spend(account: string, wanted: Wanted, patienceMs: number, signal?: AbortSignal): Promise<number | undefined> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      signal?.throwIfAborted();
      const grant = await this.reserve(account, wanted);
      if ("reservation" in grant) {
        await grant.reservation.settle(wanted.calls);
        return undefined;
      }
      if (performance.now() + grant.waitMs > deadline) return grant.waitMs;
      await setTimeout(grant.waitMs * (1 + Math.random() / 4), undefined, signal === undefined ? {} : { signal });
    }
  }

  /** Cloudflare has refused a call: nobody makes one for so long. A longer pause in force stays. */
  async pause(account: string, ms: number): Promise<void> {
    await this.#db.query(PAUSE, [account, ms / 1_000]);
  }

  /** Milliseconds that a pause goes on; 0 without one. */
  async pausedMs(account: string): Promise<number> {
    return (await this.#db.query<{ pausedMs: number }>(PAUSED, [account])).rows[0]?.pausedMs ?? 0;
  }

  async use(account: string): Promise<BudgetUse> {
    const { rows } = await this.#db.query<{ purpose: string; calls: number }>(USE, [account]);
    return {
      limit: this.limit.calls,
      calls: Object.fromEntries(rows.map(({ purpose, calls }) => [purpose, calls])),
      pausedMs: await this.pausedMs(account),
    };
  }

  async #settle(id: number, account: string, purpose: string, made: number): Promise<void> {
    // The database is away: the reservation counts on, for longer than needed.
    await this.#db.query(SETTLE, [id, account, purpose, made, this.limit.windowSeconds]).catch(() => {});
  }
}

const PAUSED_MS = `greatest(coalesce(extract(epoch from paused_until - clock_timestamp()) * 1000, 0), 0)::float8`;

const LOCK = `
  insert into cloudflare_accounts (account) values ($1)
  on conflict (account) do update set account = excluded.account
  returning ${PAUSED_MS} as "pausedMs"`;

// clock_timestamp(): now() is the transaction's beginning, which may lie before a long wait for the lock.
const TAKE = `
  with gone as (delete from cloudflare_calls where account = $1 and counts_until <= clock_timestamp()),
    spent as (
      select coalesce(sum(calls), 0) as calls from cloudflare_calls
      where account = $1 and counts_until > clock_timestamp())
  insert into cloudflare_calls (account, purpose, calls, counts_until)
  select $1, $2, $3::integer, clock_timestamp() + make_interval(secs => $4) from spent where spent.calls + $3::integer <= $5
  returning id`;

const WHEN = `
  select extract(epoch from min(counts_until) - clock_timestamp())::float8 * 1000 as "waitMs"
  from (
    select counts_until, sum(calls) over () - sum(calls) over (order by counts_until, id) as left
    from cloudflare_calls where account = $1) as leaving
  where leaving.left + $2 <= $3`;

// Back again when it was held for longer than it counted.
const SETTLE = `
  insert into cloudflare_calls (id, account, purpose, calls, counts_until) overriding system value
  values ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
  on conflict (id) do update set calls = excluded.calls, counts_until = excluded.counts_until`;

const PAUSE = `
  insert into cloudflare_accounts (account, paused_until) values ($1, clock_timestamp() + make_interval(secs => $2))
  on conflict (account) do update set paused_until = greatest(cloudflare_accounts.paused_until, excluded.paused_until)`;

const PAUSED = `select ${PAUSED_MS} as "pausedMs" from cloudflare_accounts where account = $1`;

const USE = `
  select purpose, sum(calls)::int as calls from cloudflare_calls
  where account = $1 and counts_until > clock_timestamp() group by purpose`;
