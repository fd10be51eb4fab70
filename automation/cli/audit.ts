import type { Command } from "commander";
import { type AuditHead, type AuditVerdict, verifyAudit } from "../audit/verify.ts";
import { Database } from "../db/database.ts";
import { isOutage } from "../db/outage.ts";
import { auditList } from "./audit-list.ts";
import { CliError } from "./cli-error.ts";
import type { Session } from "./session.ts";

interface VerifyAnswer {
  readonly valid: boolean;
  readonly lines: number;
  readonly head: AuditHead | null;
  readonly first_broken: { readonly id: number; readonly problem: string } | null;
}

export function auditCommands(program: Command, session: Session): void {
  const audit = program.command("audit").description("who did what");
  auditList(audit, session);
  audit
    .command("verify")
    .description("check the log's chain; exit code 1 at the first broken line")
    .option("--head <line:hash>", "a head that was noted before: shows whether the end was cut off")
    .option("--direct", "read the database itself (DATABASE_URL), without trusting the server")
    .action(async ({ head, direct }: { head?: string; direct?: boolean }) => {
      const verdict = direct === true ? await fromDatabase(session, head) : await fromApi(session, head);
      if (session.json()) session.print(JSON.stringify(verdict, null, 2));
      else if (verdict.first_broken === null) {
        session.print(`${verdict.lines} lines, each following the one before.`);
        if (verdict.head !== null)
          session.print(`Head, to be noted elsewhere: ${verdict.head.id}:${verdict.head.hash}`);
      }
      if (verdict.first_broken !== null)
        throw new CliError(
          `line ${verdict.first_broken.id} ${verdict.first_broken.problem}; the ${verdict.lines} before it are good`,
        );
    });
}

async function fromApi(session: Session, head: string | undefined): Promise<VerifyAnswer> {
  const {
    valid,
    lines,
    head: end,
    first_broken,
  } = (await session
    .api()
    .ask(
      "GET",
      `/api/audit/verify${head === undefined ? "" : `?head=${encodeURIComponent(head)}`}`,
    )) as unknown as VerifyAnswer;
  return { valid, lines, head: end, first_broken };
}

async function fromDatabase(session: Session, head: string | undefined): Promise<VerifyAnswer> {
  const url = session.env["DATABASE_URL"];
  if (url === undefined) throw new CliError("--direct needs DATABASE_URL.");
  if (!/^postgres(ql)?:\/\/./.test(url))
    throw new CliError("DATABASE_URL must be the server's own database: postgres://user:password@host/database");
  const database = new Database(url, { connections: 1 });
  try {
    const { valid, lines, head: end, firstBroken }: AuditVerdict = await verifyAudit(database, parseHead(head));
    return { valid, lines, head: end ?? null, first_broken: firstBroken ?? null };
  } catch (error) {
    if (!isOutage(error)) throw error;
    throw new CliError(`DATABASE_URL: the database does not answer (${(error as Error).message}).`);
  } finally {
    await database.end();
  }
}

function parseHead(text: string | undefined): AuditHead | undefined {
  if (text === undefined) return undefined;
  const [, id, hash] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (id === undefined || hash === undefined)
    throw new CliError("--head is <line>:<hash>, as a check before printed it.");
  return { id: Number(id), hash };
}
