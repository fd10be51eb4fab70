import { FieldError } from "../../components/field-error.ts";
import { Subdomain } from "../../components/tenant/subdomain.ts";
import { Priority } from "../queue/queue.ts";
import { InvalidSubdomain, NoRoom, SubdomainTaken, SubscriptionTaken, UnknownPlan } from "../tenants/errors.ts";
import type { NewTenant } from "../tenants/tenants.ts";
import { described, wishOf } from "./change-tenant.ts";
import { mayBegin, type Decision } from "./decide.ts";
import type { Application } from "./deps.ts";
import type { Outcome } from "./inbox.ts";
import { openTask, resolveTasks, type OperatorTask } from "./operator-task.ts";
import type { PaidOrigin } from "./reading.ts";
import { requestFromCheckout, type NameWish, type TenantRequest } from "./request-from-checkout.ts";
import { formerTenant, tenantToReturn, type FormerTenant } from "./returning-customer.ts";
import { attempt } from "./savepoint.ts";

/** From a subscription's first payment until its checkout session names it, with what the customer has chosen there. */
const CHECKOUT_FOLLOWS_MS = 30_000;

/**
 * To be tried again in a moment: Stripe tells of a new subscription and of its paid invoice before the session that it
 * comes from is complete. Without the session its tenant would get a proposed name instead of the chosen one, for good.
 */
class CheckoutMayFollow extends Error {
  override readonly name = "CheckoutMayFollow";
  constructor(subscriptionId: string) {
    super(`subscription ${subscriptionId} is new, and its checkout, if it has one, is not complete yet`);
  }
}

/** Not where the subscription itself names its tenant: whoever made it has done so on purpose. */
function checkoutMayFollow({ session, subscription }: PaidOrigin, now: Date): boolean {
  if (session !== undefined || subscription.metadata["subdomain"] !== undefined) return false;
  return now.getTime() - subscription.createdAt.getTime() < CHECKOUT_FOLLOWS_MS;
}

/**
 * The tenant of a subscription that has none yet. Who has paid gets one, or an operator gets a task: a chosen name that
 * cannot be had is never replaced by another, a proposed one gives way to the next free one.
 */
export async function beginTenant(application: Application, origin: PaidOrigin, decision: Decision): Promise<Outcome> {
  const { subscription } = origin;
  const { tx, subscriptionId, deps } = application;
  const { policy, prices, unknownPrices } = deps.settings;
  const former = await formerTenant(tx, subscriptionId);
  if (former !== undefined) return await leaveMoved(application, former, decision);
  const beginning = mayBegin(subscription.billing, origin.paid, subscription.paysByInvoice, policy);
  if (!beginning.begins) return await ignore(application, `no tenant: ${beginning.because}`);
  if (decision.wanted === "deleted")
    return await ignore(application, "no tenant: the subscription has ended, and its retention is over");
  if (checkoutMayFollow(origin, deps.now())) throw new CheckoutMayFollow(subscriptionId);

  const request = requestFromCheckout(origin, prices);
  if ("kind" in request) {
    if (request.kind !== "price-unknown" || unknownPrices === "task")
      return await leaveToOperator(application, request);
    return await ignore(application, `not ours: ${request.detail}`);
  }
  const tried = await tryNames(application, request, decision);
  if ("kind" in tried) return await leaveToOperator(application, tried);
  const notes = [described(decision), ...tried.notes, ...request.notes];
  return { outcome: "applied", detail: `${tried.subdomain}: ${notes.join("; ")}`, tenantId: tried.id };
}

/** Its tenant was given to another subscription: a second one for it would be nobody's wish. */
async function leaveMoved(application: Application, former: FormerTenant, decision: Decision): Promise<Outcome> {
  const moved = `its tenant ${former.subdomain} belongs to ${former.subscriptionId ?? "no subscription"} now`;
  if (decision.wanted !== "active") return await ignore(application, moved);
  return await leaveToOperator(application, {
    kind: "tenant-moved",
    detail: `Subscription ${application.subscriptionId} is paid (${decision.reason}), but ${moved}.`,
    remedy: "End the subscription in Stripe and refund it, or give the tenant back to it.",
  });
}

interface Begun {
  readonly id: number;
  readonly subdomain: string;
  readonly notes: readonly string[];
}

async function tryNames(
  application: Application,
  request: TenantRequest,
  decision: Decision,
): Promise<Begun | OperatorTask> {
  const { tx, subscriptionId, by } = application;
  const { name } = request;
  if (name.kind === "chosen") {
    const valid = Subdomain.safeParse(name.name);
    if (!valid.success) return invalidName(name, subscriptionId, valid.error.issues[0]?.message ?? "is not valid");
  }
  const names = name.kind === "chosen" ? [name.name] : name.names;
  for (const subdomain of names) {
    const made = await attempt(tx, async (): Promise<Begun> => {
      await resolveTasks(tx, subscriptionId, [], by);
      const isFirst = subdomain === names[0];
      const returned = isFirst ? await takeBack(application, request, subdomain, decision) : undefined;
      if (returned !== undefined) return { ...returned, notes: ["its customer came back"] };
      const id = await place(application, request, subdomain, decision);
      return {
        id,
        subdomain,
        notes: isFirst ? [] : [`"${names[0] ?? ""}" could not be had, so the next free name was taken`],
      };
    });
    if (!made.failed) return made.value;
    const { error } = made;
    const aboutName = error instanceof SubdomainTaken || error instanceof InvalidSubdomain;
    if (aboutName && name.kind === "proposed") continue;
    if (error instanceof SubscriptionTaken || !(error instanceof FieldError)) throw error;
    return refusal(error, name, subscriptionId);
  }
  throw new Error(`none of ${names.length} names is free for subscription ${subscriptionId}`);
}

/** The customer's own earlier tenant of that name, as long as its data are kept. */
async function takeBack(
  { tx, subscriptionId, readAt, by, deps }: Application,
  { planType, customerId }: TenantRequest,
  subdomain: string,
  decision: Decision,
): Promise<FormerTenant | undefined> {
  if (decision.wanted !== "active") return undefined;
  const waiting = await tenantToReturn(tx, subdomain, customerId);
  if (waiting === undefined) return undefined;
  const wish = { ...wishOf(decision), subscriptionId, planType, stripeSyncedAt: readAt };
  await deps.tenants.changeWish(waiting.id, wish, by, { tx, priority: Priority.customer });
  return waiting;
}

/** Requests the tenant under one name, with its clocks. */
async function place(
  { tx, subscriptionId, readAt, by, deps }: Application,
  { planType, customerEmail, customerId, clientReferenceId, settings }: TenantRequest,
  subdomain: string,
  decision: Decision,
): Promise<number> {
  const input: NewTenant = {
    subdomain,
    planType,
    customerEmail,
    customerId,
    subscriptionId,
    settings,
    wanted: decision.wanted,
    wantedReason: decision.reason,
    stripeSyncedAt: readAt,
    ...(clientReferenceId === undefined ? {} : { clientReferenceId }),
  };
  const { tenant } = await deps.tenants.request(input, by, { tx, priority: Priority.customer });
  const { graceUntil = null, deleteAfter = null } = wishOf(decision);
  if (graceUntil !== null || deleteAfter !== null)
    await deps.tenants.changeWish(tenant.id, { graceUntil, deleteAfter }, by, { tx });
  return tenant.id;
}

function refusal(error: FieldError, name: NameWish, subscriptionId: string): OperatorTask {
  const paid = `Subscription ${subscriptionId} is paid, but its tenant cannot be made: ${error.message}.`;
  if (name.kind === "chosen" && error instanceof SubdomainTaken) {
    return {
      kind: "subdomain-taken",
      detail: `${paid} The name comes from ${name.where}.`,
      remedy: renaming(subscriptionId),
    };
  }
  if (name.kind === "chosen" && error instanceof InvalidSubdomain)
    return invalidName(name, subscriptionId, error.message);
  const kind = error instanceof NoRoom ? "no-room" : error instanceof UnknownPlan ? "plan-unknown" : "request-refused";
  return { kind, detail: paid, remedy: `${error.remedy} The tenant is made within minutes of that.` };
}

function invalidName(
  name: Extract<NameWish, { kind: "chosen" }>,
  subscriptionId: string,
  problem: string,
): OperatorTask {
  const rule = problem.replace(`"${name.name}" `, ""); // some of the rules name the value themselves
  return {
    kind: "subdomain-invalid",
    detail: `Subscription ${subscriptionId} is paid, but its subdomain "${name.name}" (from ${name.where}) ${rule}.`,
    remedy: renaming(subscriptionId),
  };
}

function renaming(subscriptionId: string): string {
  return `Agree on another name with the customer and set it as the metadata "subdomain" of ${subscriptionId} in Stripe; the tenant is made at once.`;
}

async function leaveToOperator({ tx, subscriptionId, by }: Application, task: OperatorTask): Promise<Outcome> {
  await resolveTasks(tx, subscriptionId, [task.kind], by);
  await openTask(tx, subscriptionId, null, task, by);
  return { outcome: "task", detail: task.detail, tenantId: null };
}

/** Nothing is to be done, and so nothing for an operator either. */
async function ignore({ tx, subscriptionId, by }: Application, detail: string): Promise<Outcome> {
  await resolveTasks(tx, subscriptionId, [], by);
  return { outcome: "ignored", detail, tenantId: null };
}
