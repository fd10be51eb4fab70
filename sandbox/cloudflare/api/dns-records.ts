import { Router } from "express";
import { z } from "zod";
import { NotEmulated } from "../world/api-error.ts";
import type { DnsRecord } from "../world/dns-records.ts";
import { isProxiable, RECORD_TYPES } from "../world/dns-validation.ts";
import type { CloudflareWorld } from "../world/world.ts";
import { permit } from "./authentication.ts";
import { answer, answerPage, pageQuery, readQuery } from "./envelope.ts";
import { checkIdentifiers } from "./identifiers.ts";

/** `name=x` and `name.exact=x`, `name.contains=x`, ... */
function textFilters<N extends string>(name: N) {
  const text = z.string().optional();
  const keys = ["", ".exact", ".contains", ".startswith", ".endswith"].map((suffix) => [name + suffix, text]);
  return Object.fromEntries(keys) as Record<string, typeof text>;
}

const ListQuery = z.strictObject({
  ...pageQuery(5_000_000),
  ...textFilters("name"),
  ...textFilters("content"),
  ...textFilters("comment"),
  "comment.present": z.string().optional(),
  "comment.absent": z.string().optional(),
  type: z.string().optional(),
  proxied: z.stringbool().optional(),
  match: z.enum(["any", "all"]).default("all"),
  order: z.enum(["type", "name", "content", "ttl", "proxied"]).optional(),
  direction: z.enum(["asc", "desc"]).default("asc"),
});

const Body = z.object({
  type: z.enum(RECORD_TYPES, { error: (issue) => `record type ${String(issue.input)} is not emulated` }),
  name: z.string().min(1),
  content: z.string(),
  ttl: z.number().int().default(1),
  proxied: z.boolean().optional(),
  priority: z.number().int().min(0).max(65_535).optional(),
  comment: z.string().nullish(),
  tags: z.array(z.string()).optional(),
  settings: z.record(z.string(), z.unknown()).optional(),
});
const Changes = z.object({ ...Body.shape, ttl: z.number().int() }).partial();

/** https://developers.cloudflare.com/api/resources/dns/subresources/records/ */
export function dnsRecordRoutes(world: CloudflareWorld): Router {
  const { zones, records } = world;
  const router = Router();
  checkIdentifiers(router, world);

  router.get("/zones/:zone/dns_records", permit("dns:read"), (req, res) => {
    const query = readQuery(ListQuery, req.query);
    const tests = conditions(query);
    const all = records.of(zones.get(req.params.zone));
    const fits = (record: DnsRecord) =>
      query.match === "all"
        ? tests.every((test) => test(record))
        : tests.length === 0 || tests.some((test) => test(record));
    const found = all.filter(fits);
    if (query.order) found.sort(byField(query.order, query.direction));
    answerPage(res, found.map(recordView), query, 100);
  });
  router.post("/zones/:zone/dns_records", permit("dns:edit"), (req, res) => {
    answer(res, recordView(records.create(zones.get(req.params.zone), readBody(Body, req.body))));
  });
  router.get("/zones/:zone/dns_records/:record", permit("dns:read"), (req, res) => {
    answer(res, recordView(records.get(zones.get(req.params.zone), req.params.record)));
  });
  router.put("/zones/:zone/dns_records/:record", permit("dns:edit"), (req, res) => {
    const zone = zones.get(req.params.zone);
    answer(res, recordView(records.replace(zone, req.params.record, readBody(Body, req.body))));
  });
  router.patch("/zones/:zone/dns_records/:record", permit("dns:edit"), (req, res) => {
    const zone = zones.get(req.params.zone);
    answer(res, recordView(records.update(zone, req.params.record, readBody(Changes, req.body))));
  });
  router.delete("/zones/:zone/dns_records/:record", permit("dns:edit"), (req, res) => {
    records.delete(zones.get(req.params.zone), req.params.record);
    answer(res, { id: req.params.record });
  });
  return router;
}

function readBody<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  if (typeof body === "object" && body !== null && "data" in body) throw new NotEmulated("records with data");
  return schema.parse(body);
}

type Test = (record: DnsRecord) => boolean;

function conditions(query: z.infer<typeof ListQuery>): Test[] {
  const tests: Test[] = [];
  for (const [key, value] of Object.entries(query)) {
    const [field, operator = "exact"] = key.split(".");
    if (value === undefined || (field !== "name" && field !== "content" && field !== "comment")) continue;
    tests.push((record) => compare(record[field] ?? "", operator, String(value)));
  }
  if (query.type !== undefined) tests.push((record) => record.type === query.type);
  if (query.proxied !== undefined) tests.push((record) => record.proxied === query.proxied);
  return tests;
}

/** Names, contents and comments are compared without regard to case. */
function compare(text: string, operator: string, value: string): boolean {
  const [a, b] = [text.toLowerCase(), value.toLowerCase()];
  switch (operator) {
    case "contains":
      return a.includes(b);
    case "startswith":
      return a.startsWith(b);
    case "endswith":
      return a.endsWith(b);
    case "present":
      return a !== "";
    case "absent":
      return a === "";
    default:
      return a === b;
  }
}

function byField(field: "type" | "name" | "content" | "ttl" | "proxied", direction: "asc" | "desc") {
  const sign = direction === "asc" ? 1 : -1;
  return (a: DnsRecord, b: DnsRecord) =>
    sign * (field === "ttl" ? a.ttl - b.ttl : String(a[field]).localeCompare(String(b[field])));
}

function recordView(record: DnsRecord) {
  return {
    id: record.id,
    name: record.name,
    type: record.type,
    content: record.content,
    proxiable: isProxiable(record.type),
    proxied: record.proxied,
    ttl: record.ttl,
    ...(record.priority !== undefined && { priority: record.priority }),
    settings: record.settings,
    meta: {},
    comment: record.comment,
    tags: [],
    created_on: record.createdOn,
    modified_on: record.modifiedOn,
    ...(record.commentModifiedOn !== undefined && { comment_modified_on: record.commentModifiedOn }),
  };
}
