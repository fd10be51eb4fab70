import { AsyncLocalStorage } from "node:async_hooks";
import { currentTraceId } from "./spans.ts";

/** Ids that a log line belongs to, each under one name everywhere (docs/operations/observability.md). */
export interface LogFields {
  /** The HTTP request, or the event of Stripe's, that asked for it. */
  requestId?: string;
  eventId?: string;
  tenantId?: number;
  /** Of a container's own tunnel. */
  standaloneTunnelId?: number;
  operationId?: number;
}

const current = new AsyncLocalStorage<LogFields>();

/** Every log line of `work`, whoever writes it, carries these ids and those that become known meanwhile. */
export function withLogFields<T>(fields: LogFields, work: () => T): T {
  return current.run({ ...current.getStore(), ...fields }, work);
}

/** From here on, for the work that is under way. */
export function addLogFields(fields: LogFields): void {
  Object.assign(current.getStore() ?? {}, fields);
}

/** For a line that is written when its work is over. */
export function logFields(): LogFields {
  return current.getStore() ?? {};
}

/** The root logger's `mixin`. What a line says itself goes first. */
export function logMixin(): object {
  const traceId = currentTraceId();
  return { ...current.getStore(), ...(traceId === undefined ? {} : { traceId }) };
}
