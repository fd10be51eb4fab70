import { Api, type Operation, type OperationEvent } from "../ground/api.ts";
import { deliver } from "../ground/checkout.ts";
import type { Ground } from "../ground/ground.ts";
import type { Way } from "./way.ts";

/** This repository's server: the event goes to its webhook, and it does the rest. It must run. */
export function serverWay({ sandbox, signal }: Ground): Way {
  const api = new Api(sandbox, signal);
  return {
    name: "this server",
    async make({ subdomain, event }) {
      await deliver(sandbox.api.url, event);
      await api.provisioned(subdomain);
    },
    async parts(subdomain, began) {
      const { id } = await api.tenant(subdomain);
      const operation = await api.operationOf(id, "provision");
      const events = await api.events(operation.id);
      return { queue: Date.parse(operation.started_at ?? "") - began.getTime(), ...partsOf(operation, events) };
    },
  };
}

/** The parts of `partsOf` one after the other, as they make up the whole; the others run beside them. */
export const SERVER_PARTS: readonly (readonly [part: string, meaning: string])[] = [
  ["queue", "webhook, inbox, queue, reading from Stripe, lease"],
  ["claim", "looking for what bears the names; `stack init` beside it"],
  ["engine begins", "the CLI's start, the program, the providers' configuration"],
  ["database", "role, clone of the template, membership"],
  ["Odoo on the host", "odoo-database.sh: identity, PgBouncer, Odoo's first page"],
  ["other resources", "what the engine still waited for after that"],
  ["engine ends", "the CLI's end"],
  ["proof", "probe through the edge, with a login"],
  ["record", "row, operation and audit line written"],
];
export const PARTS_BESIDE: readonly (readonly [part: string, meaning: string])[] = [
  ["Cloudflare", "tunnel, ingress, record"],
  ["connector", "connector.sh until connected"],
];

/** Cuts an operation into its parts by its events; milliseconds. */
export function partsOf(operation: Operation, events: readonly OperationEvent[]): Record<string, number> {
  const started = Date.parse(operation.started_at ?? "");
  const finished = Date.parse(operation.finished_at ?? "");
  const proof = operation.timings?.["probeMs"] ?? Number.NaN;
  const at = (event: OperationEvent | undefined) => (event === undefined ? Number.NaN : Date.parse(event.at));
  const phase = (name: string) => at(events.find(({ kind, body }) => kind === "phase" && body.phase === name));
  const steps = events.filter(({ kind, body }) => kind === "resource" && body.change !== undefined);
  const some = (step: string, names: RegExp) =>
    steps.filter(({ body }) => body.step === step && names.test(body.change?.urn ?? "")).map(at);
  const begin = (names: RegExp) => Math.min(...some("begin", names));
  const end = (names: RegExp) => Math.max(...some("end", names));

  const database = { begin: begin(/-db-(role|database|member)$/), end: end(/-db-(role|database|member)$/) };
  const odoo = end(/-odoo-script$/);
  const last = end(CUSTOM);
  return {
    claim: phase("engine") - started,
    "engine begins": database.begin - phase("engine"),
    database: database.end - database.begin,
    "Odoo on the host": odoo - database.end,
    "other resources": last - odoo,
    "engine ends": phase("probe") - last,
    proof,
    record: finished - phase("probe") - proof,
    Cloudflare: end(/-tunnel-(tunnel|config|record)$/) - begin(/-tunnel-(tunnel|config|record)$/),
    connector: end(/-connector-script$/) - begin(/-connector-script$/),
  };
}

/** Resources with a provider; components end when the program does. */
const CUSTOM = /-(role|database|member|tunnel|config|record|script|drain)$/;
