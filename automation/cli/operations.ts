import type { Command } from "commander";
import type { ApiClient } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import type { Session } from "./session.ts";
import { facts, table } from "./terminal.ts";

export interface OperationAnswer {
  readonly id: number;
  /** null: of a container's own tunnel. */
  readonly tenant_id: number | null;
  /** null: of a tenant. */
  readonly tunnel_name: string | null;
  readonly kind: string;
  readonly status: string;
  readonly queued_at: string;
  readonly seconds: number | null;
  readonly changes: Readonly<Record<string, number>> | null;
  readonly diagnostics: readonly { readonly severity: string; readonly message: string }[] | null;
  readonly error: string | null;
}

export function operationCommands(program: Command, session: Session): void {
  const operations = program.command("operations").description("runs of the engine");

  operations
    .command("list")
    .description("the newest, of all tenants and containers' own tunnels")
    .option("--status <list>", "queued, running, succeeded, failed, stalled, superseded (comma separated)")
    .option("--tenant <number>", "of one tenant")
    .option("--tunnel <tunnel>", "of one tunnel's tenant, or of a container's own tunnel: by its name or Cloudflare id")
    .option("--limit <n>", "how many", "20")
    .action(
      async ({
        status,
        tenant,
        tunnel,
        limit,
      }: {
        status?: string;
        tenant?: string;
        tunnel?: string;
        limit: string;
      }) => {
        const query = new URLSearchParams({
          limit,
          ...(status !== undefined && { status }),
          ...(tenant !== undefined && { tenant_id: tenant }),
          ...(tunnel !== undefined && { tunnel }),
        });
        const answer = await session.api().ask("GET", `/api/operations?${query.toString()}`);
        if (session.json()) return session.print(JSON.stringify(answer, null, 2));
        session.print(operationTable(answer["operations"] as OperationAnswer[], true));
      },
    );

  operations
    .command("watch <id>")
    .alias("show")
    .description("follow one to its end, or tell how it ended; exit code 1 when it fails")
    .action(async (id: string) => {
      const operation = await watchOperation(session, Number(id));
      if (session.json()) session.print(JSON.stringify(operation, null, 2));
      else session.print(summary(operation));
      if (operation.status !== "succeeded") throw failure(operation);
    });
}

/** Prints what happens as it happens (to standard error, so that `--json` stays clean), and returns the ended operation. */
export async function watchOperation(session: Session, id: number): Promise<OperationAnswer> {
  if (!Number.isSafeInteger(id) || id < 1) throw new CliError("An operation's id is a number.");
  const api = session.api();
  for (let ended = await read(api, id, 0); ; ended = await read(api, id, 30)) {
    if (!["queued", "running"].includes(ended.status)) return ended;
    for await (const { event, data } of api.follow(`/api/operations/${id}/events`)) {
      const line = progress(event, (data as { body?: Record<string, unknown> }).body ?? {});
      if (line !== undefined) session.err.write(`${line}\n`);
    }
  }
}

async function read(api: ApiClient, id: number, waitSeconds: number): Promise<OperationAnswer> {
  const { operation } = await api.ask("GET", `/api/operations/${id}`, { headers: { prefer: `wait=${waitSeconds}` } });
  return operation as OperationAnswer;
}

/** What the engine says (automation/engine/engine.ts), as a line; undefined for what is of no interest here. */
function progress(event: string, body: Record<string, unknown>): string | undefined {
  switch (event) {
    case "phase":
      return `• ${String(body["phase"])}`;
    case "resource": {
      const { urn = "", op = "", seconds } = (body["change"] ?? {}) as { urn?: string; op?: string; seconds?: number };
      if (body["step"] === "begin" || op === "same") return undefined;
      const took = seconds === undefined ? "" : ` (${seconds.toFixed(1)} s)`;
      return `  ${body["step"] === "failed" ? "failed: " : ""}${op} ${urn.split("::").at(-1) ?? ""}${took}`;
    }
    case "diagnostic": {
      const { severity = "", message = "" } = (body["diagnostic"] ?? {}) as { severity?: string; message?: string };
      return `  ${severity}: ${message.trimEnd()}`;
    }
    default:
      return undefined;
  }
}

/** As a table; `of` says whose they are, where that is not clear. */
export function operationTable(operations: readonly OperationAnswer[], of: boolean): string {
  const columns = ["ID", ...(of ? ["OF"] : []), "KIND", "STATUS", "QUEUED", "TOOK"];
  const rows = operations.map(({ id, tenant_id, tunnel_name, kind, status, queued_at, seconds }) => [
    String(id),
    ...(of ? [String(tenant_id ?? tunnel_name ?? "")] : []),
    kind,
    status,
    queued_at,
    seconds === null ? "" : `${seconds.toFixed(1)} s`,
  ]);
  return table(columns, rows);
}

export function summary(operation: OperationAnswer): string {
  const { id, kind, status, seconds, changes } = operation;
  const counts = Object.entries(changes ?? {}).map(([step, count]) => `${count} ${step}`);
  return facts({
    operation: id,
    kind,
    status,
    took: seconds === null ? null : `${seconds.toFixed(1)} s`,
    changes: counts.join(", "),
  });
}

export function failure(operation: OperationAnswer): CliError {
  return new CliError(
    `operation ${operation.id} ${operation.status}${operation.error === null ? "" : `: ${operation.error}`}`,
  );
}
