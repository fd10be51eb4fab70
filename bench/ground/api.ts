import { setTimeout } from "node:timers/promises";
import type { Sandbox } from "../../sandbox/lifecycle/sandbox.ts";

/** The parts of the API's bodies that are measured. Times are ISO 8601. */
export interface Tenant {
  id: number;
  subdomain: string;
  state: string;
  state_detail: string | null;
}

export interface Operation {
  id: number;
  tenant_id: number;
  kind: string;
  status: string;
  queued_at: string;
  started_at: string | null;
  finished_at: string | null;
  timings: Record<string, number> | null;
  resources: readonly ResourceChange[] | null;
  error: string | null;
}

export interface ResourceChange {
  urn: string;
  type: string;
  op: string;
  seconds?: number;
}

export interface OperationEvent {
  at: string;
  kind: string;
  body: { phase?: string; step?: string; change?: ResourceChange };
}

export class UnknownTenant extends Error {
  constructor(subdomain: string) {
    super(`the server knows no tenant ${subdomain}`);
    this.name = "UnknownTenant";
  }
}

/** Longer than anything measured. */
const WAIT_SECONDS = 60;

/** The Automation API, as an administrator uses it. */
export class Api {
  readonly #sandbox: Sandbox;
  readonly #signal: AbortSignal;

  constructor(sandbox: Sandbox, signal: AbortSignal) {
    this.#sandbox = sandbox;
    this.#signal = signal;
  }

  async tenant(subdomain: string): Promise<Tenant> {
    const page = (await this.#ask("GET", `/api/tenants?subdomain=${subdomain}`)) as { tenants: Tenant[] };
    const found = page.tenants.find((each) => each.subdomain === subdomain && each.state !== "deleted");
    if (!found) throw new UnknownTenant(subdomain);
    return found;
  }

  /** Waits until a change that was asked for is carried out; throws when it fails. */
  async change(id: number, action: "suspend" | "resume" | "retry" | "delete"): Promise<Operation> {
    const path = `/api/tenants/${id}`;
    const asked = action === "delete" ? this.#ask("DELETE", path) : this.#ask("POST", `${path}/${action}`, {});
    const { operation } = (await asked) as { operation: { id: number } };
    return await this.finished(operation.id);
  }

  /** The tenant's operation of that kind, when it has finished. Throws with its error when it failed. */
  async operationOf(tenantId: number, kind: string): Promise<Operation> {
    const page = (await this.#ask("GET", `/api/operations?tenant_id=${tenantId}&kind=${kind}`)) as {
      operations: Operation[];
    };
    const [newest] = page.operations;
    if (!newest) throw new Error(`tenant ${tenantId} has no operation of the kind ${kind}`);
    return await this.finished(newest.id);
  }

  /** The provisioning of a tenant that has been asked for, when it has finished. */
  async provisioned(subdomain: string): Promise<Operation> {
    for (;;) {
      const tenant = await this.tenant(subdomain).catch((error: unknown) => {
        this.#signal.throwIfAborted();
        if (error instanceof UnknownTenant) return undefined; // its event waits
        throw error;
      });
      if (tenant) return await this.operationOf(tenant.id, "provision");
      await setTimeout(100);
    }
  }

  async finished(id: number): Promise<Operation> {
    const { operation } = (await this.#ask("GET", `/api/operations/${id}`, undefined, {
      prefer: `wait=${WAIT_SECONDS}`,
    })) as { operation: Operation };
    if (operation.status === "succeeded") return operation;
    if (operation.status === "queued" || operation.status === "running") return await this.finished(id);
    throw new Error(`operation ${id} (${operation.kind}) ${operation.status}: ${operation.error ?? ""}`);
  }

  async events(operationId: number): Promise<OperationEvent[]> {
    const { events } = (await this.#ask("GET", `/api/operations/${operationId}/events`)) as {
      events: OperationEvent[];
    };
    return events;
  }

  async #ask(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<unknown> {
    const response = await fetch(`${this.#sandbox.api.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#sandbox.api.token}`,
        ...(body && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: this.#signal,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
    return JSON.parse(text) as unknown;
  }
}
