import { createHash } from "node:crypto";
import { canonicalJson } from "../../audit/canonical-json.ts";
import type { Queryable } from "../../db/database.ts";
import { ApiError } from "../problem.ts";
import type { Acceptance } from "./acceptance.ts";
import type { AnyReply } from "./endpoint.ts";

/** Kept long enough for any client's retries. */
const KEEP = "24 hours";

const FORGET_OLD = `delete from idempotency_keys where created_at < now() - interval '${KEEP}'`;
const CLAIM = `
  insert into idempotency_keys (identity, key, request_hash) values ($1, $2, $3)
  on conflict (identity, key) do update set claim = gen_random_uuid(), created_at = now()
    where idempotency_keys.status is null and idempotency_keys.request_hash = excluded.request_hash
      and (idempotency_keys.claim is null or idempotency_keys.created_at < now() - make_interval(secs => $4))
  returning claim, operation_id as "operationId"`;
const FIND = "select request_hash, status, headers, body from idempotency_keys where identity = $1 and key = $2";
const OURS = "identity = $1 and key = $2 and claim = $3 and status is null";
const REMEMBER = `update idempotency_keys set operation_id = $4 where ${OURS}`;
const KEEP_ANSWER = `update idempotency_keys set status = $4, headers = $5, body = $6 where ${OURS}`;
const FORGET = `delete from idempotency_keys where ${OURS} and operation_id is null`;
const RELEASE = `update idempotency_keys set claim = null where ${OURS}`;

interface KeptAnswer {
  request_hash: Buffer;
  status: number | null;
  headers: Record<string, string> | null;
  body: unknown;
}

export interface IdempotentRequest {
  /** Keys of one caller never meet another's. */
  readonly identity: string;
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  /** Seconds after which a request without an answer has died with its process, and a repeat may take its place. */
  readonly abandonedAfter: number;
}

/**
 * Runs `handle` once for a key: a repeat gets the first answer, another request under the same key 422, a repeat while
 * the first still runs 409. Refusals (4xx: what `asReply` makes of them) and outcomes are answers too; another failure of
 * the server is forgotten, so that the request can be tried again: it goes on with what had been accepted.
 */
export async function once(
  db: Queryable,
  request: IdempotentRequest,
  handle: (acceptance: Acceptance) => Promise<AnyReply>,
  asReply: (error: unknown) => AnyReply | undefined,
): Promise<AnyReply> {
  const { identity, key } = request;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new ApiError(
      400,
      "InvalidRequest",
      "Invalid request",
      "Idempotency-Key must be 1 to 255 visible ASCII characters.",
      {
        field: "Idempotency-Key",
      },
    );
  }
  const hash = createHash("sha256")
    .update(`${request.method} ${request.path}\n${canonicalJson(request.body)}`)
    .digest();
  await db.query(FORGET_OLD);
  const claims = await db.query<{ claim: string; operationId: number | null }>(CLAIM, [
    identity,
    key,
    hash,
    request.abandonedAfter,
  ]);
  const [claimed] = claims.rows;
  if (claimed === undefined) return repeated((await db.query<KeptAnswer>(FIND, [identity, key])).rows[0], hash);
  const ours = [identity, key, claimed.claim];
  try {
    return await keep(db, ours, await handle(acceptance(ours, claimed.operationId ?? undefined)));
  } catch (error) {
    const reply = asReply(error);
    if (reply !== undefined && (reply.status < 500 || (error instanceof ApiError && error.isOutcome)))
      return keep(db, ours, reply);
    await db.query(FORGET, ours);
    await db.query(RELEASE, ours);
    throw error;
  }
}

function acceptance(ours: readonly string[], operationId: number | undefined): Acceptance {
  return {
    operationId,
    remember: async (tx, operation) => {
      if ((await tx.query(REMEMBER, [...ours, operation])).rowCount > 0) return;
      throw new ApiError(503, "Timeout", "Took too long", "This request was given up before it could be carried out.", {
        headers: { "retry-after": "1" },
      });
    },
  };
}

async function keep(db: Queryable, ours: readonly string[], reply: AnyReply): Promise<AnyReply> {
  await db.query(KEEP_ANSWER, [
    ...ours,
    reply.status,
    JSON.stringify(reply.headers ?? {}),
    JSON.stringify(reply.body ?? null),
  ]);
  return reply;
}

function repeated(kept: KeptAnswer | undefined, hash: Buffer): AnyReply {
  if (kept !== undefined && !kept.request_hash.equals(hash)) {
    throw new ApiError(
      422,
      "IdempotencyKeyReused",
      "Key reused",
      "This Idempotency-Key came with another request before.",
      {
        field: "Idempotency-Key",
        remedy: "Use a new key for a new request.",
      },
    );
  }
  if (kept === undefined || kept.status === null) {
    throw new ApiError(
      409,
      "RequestInProgress",
      "In progress",
      "The first request with this Idempotency-Key is still running.",
      {
        field: "Idempotency-Key",
        remedy: "Send the same request again a little later to get its answer.",
        headers: { "retry-after": "1" },
      },
    );
  }
  return {
    status: kept.status,
    headers: { ...kept.headers, "idempotency-replayed": "true" },
    body: kept.body ?? undefined,
  };
}
