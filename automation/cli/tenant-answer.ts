import { CliError } from "./cli-error.ts";
import { failure, type OperationAnswer, summary, watchOperation } from "./operations.ts";
import type { Session } from "./session.ts";

export interface TenantAnswer {
  readonly id: number;
  readonly subdomain: string;
  readonly url: string;
  readonly plan_type: string;
  readonly container_id: number;
  readonly customer_email: string;
  readonly subscription_id: string | null;
  readonly wanted: string;
  readonly wanted_reason: string | null;
  readonly state: string;
  readonly state_reason: string | null;
  readonly state_detail: string | null;
  readonly next_step: string | null;
  readonly guide: string | null;
  readonly paused: boolean;
  readonly generation: number;
  readonly observed_generation: number;
  readonly tunnel: { readonly tunnel_name: string; readonly status: string };
  readonly grace_until: string | null;
  readonly delete_after: string | null;
  readonly created_at: string;
  readonly ready_at: string | null;
}

export interface WaitOption {
  readonly wait: boolean;
}

/** Follows the accepted operation to its end, unless that is not wanted. Throws CliError when it failed. */
export async function carriedOut(
  session: Session,
  answer: Record<string, unknown>,
  { wait }: WaitOption,
): Promise<void> {
  if (typeof answer["notice"] === "string") session.err.write(`${answer["notice"]}\n`);
  const accepted = answer["operation"] as { readonly id: number; readonly url?: string } | undefined;
  if (accepted === undefined || !wait) {
    return session.print(
      session.json()
        ? JSON.stringify(answer, null, 2)
        : accepted === undefined
          ? "nothing to do"
          : `operation ${accepted.id} is under way: npm run cli -- operations watch ${accepted.id}`,
    );
  }
  const ended: OperationAnswer = await watchOperation(session, accepted.id);
  session.print(session.json() ? JSON.stringify(ended, null, 2) : summary(ended));
  if (ended.status === "superseded") session.err.write("a newer change took its place, and does this one's work too\n");
  else if (ended.status !== "succeeded") throw failure(ended);
}

/** By subdomain or number. Throws CliError when there is none. */
export async function find(session: Session, name: string): Promise<TenantAnswer> {
  if (/^\d+$/.test(name)) return (await session.api().ask("GET", `/api/tenants/${name}`))["tenant"] as TenantAnswer;
  const { tenants } = await session.api().ask("GET", `/api/tenants?subdomain=${encodeURIComponent(name)}`);
  const [tenant] = tenants as TenantAnswer[];
  if (tenant === undefined) throw new CliError(`There is no tenant "${name}". tenants list shows all.`);
  return tenant;
}

/** Of the list, all pages; `options` are its query. */
export async function allTenants(
  session: Session,
  options: Readonly<Record<string, string>> = {},
): Promise<TenantAnswer[]> {
  const found: TenantAnswer[] = [];
  for (let cursor: string | undefined; ;) {
    const query = new URLSearchParams({ ...options, limit: "500", ...(cursor !== undefined && { cursor }) });
    const page = await session.api().ask("GET", `/api/tenants?${query.toString()}`);
    found.push(...(page["tenants"] as TenantAnswer[]));
    if (typeof page["next_cursor"] !== "string") return found;
    cursor = page["next_cursor"];
  }
}
