import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../sandbox/cloudflare/world/api-error.ts";
import { DnsRecords, type WantedRecord } from "../../../sandbox/cloudflare/world/dns-records.ts";
import { StateStore } from "../../../sandbox/cloudflare/world/store.ts";
import { Zones } from "../../../sandbox/cloudflare/world/zones.ts";

function world(limit = 1_000) {
  const store = new StateStore(":memory:");
  const clock = { ms: Date.parse("2026-03-01T00:00:00Z") };
  const zone = new Zones(store.collection("zone"), () => clock.ms).create("example.com");
  const records = new DnsRecords(store.collection("record"), () => clock.ms, limit);
  return { zone, records, clock };
}

const tunnel = {
  type: "CNAME",
  content: "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415.cfargotunnel.com",
  proxied: true,
} as const;

function code(work: () => unknown): number | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

test("a name is told back whole and in lower case", () => {
  const { records, zone } = world();
  const full = (name: string) => {
    const record = records.create(zone, { ...tunnel, name });
    records.delete(zone, record.id);
    return record.name;
  };
  assert.equal(full("acme"), "acme.example.com");
  assert.equal(full("ACME.Example.com"), "acme.example.com");
  assert.equal(full("acme.example.com."), "acme.example.com");
  assert.equal(full("@"), "example.com");
  assert.equal(full("example.com"), "example.com");
  assert.equal(full("*.acme"), "*.acme.example.com");
  assert.equal(full("acme.other.org"), "acme.other.org.example.com");
});

test("a proxied record has the automatic TTL", () => {
  const { records, zone } = world();
  assert.equal(records.create(zone, { ...tunnel, name: "acme", ttl: 300 }).ttl, 1);
  assert.equal(records.create(zone, { type: "TXT", name: "acme", content: "x", ttl: 300 }).ttl, 300);
});

test("names clash by Cloudflare's rules", () => {
  const { records, zone } = world();
  const create = (wanted: WantedRecord) => code(() => records.create(zone, wanted));
  records.create(zone, { ...tunnel, name: "acme" });
  records.create(zone, { type: "A", name: "host", content: "192.0.2.1" });
  records.create(zone, { type: "TXT", name: "note", content: "x" });
  assert.equal(create({ ...tunnel, name: "acme" }), 81_053, "a CNAME beside a CNAME");
  assert.equal(create({ ...tunnel, name: "host" }), 81_053, "a CNAME beside an address");
  assert.equal(create({ type: "AAAA", name: "acme", content: "::1" }), 81_054, "an address beside a CNAME");
  assert.equal(create({ type: "A", name: "host", content: "192.0.2.1" }), 81_058, "the same address twice");
  assert.equal(create({ type: "TXT", name: "note", content: "x" }), 81_057, "the same text twice");
  assert.equal(create({ type: "A", name: "host", content: "192.0.2.2" }), undefined, "a second address");
  assert.equal(create({ type: "TXT", name: "acme", content: "x" }), undefined, "a text beside a CNAME");
});

test("a record may be replaced by itself, but not by what clashes with another", () => {
  const { records, zone } = world();
  const acme = records.create(zone, { ...tunnel, name: "acme" });
  records.create(zone, { ...tunnel, name: "bolt" });
  assert.equal(
    code(() => records.replace(zone, acme.id, { ...tunnel, name: "acme" })),
    undefined,
  );
  assert.equal(
    code(() => records.replace(zone, acme.id, { ...tunnel, name: "bolt" })),
    81_053,
  );
  records.update(zone, acme.id, { name: "acme-2" });
  assert.deepEqual(records.named("acme.example.com"), []);
  assert.equal(records.named("acme-2.example.com")[0]?.id, acme.id);
});

test("a partial change keeps the rest, a replacement does not", () => {
  const { records, zone, clock } = world();
  const { id } = records.create(zone, { ...tunnel, name: "acme", comment: "ours" });
  clock.ms += 1_000;
  const changed = records.update(zone, id, { proxied: false });
  assert.deepEqual([changed.comment, changed.proxied], ["ours", false]);
  assert.equal(changed.createdOn, "2026-03-01T00:00:00.000Z");
  assert.equal(changed.modifiedOn, "2026-03-01T00:00:01.000Z");
  assert.equal(changed.commentModifiedOn, "2026-03-01T00:00:00.000Z");
  assert.equal(records.replace(zone, id, { ...tunnel, name: "acme" }).comment, null);
});

test("what is no such record, or another zone's, does not exist", () => {
  const { records, zone } = world();
  const { id } = records.create(zone, { ...tunnel, name: "acme" });
  const elsewhere = { ...zone, id: "0".repeat(32) };
  for (const look of [
    () => records.get(elsewhere, id),
    () => records.delete(zone, "0".repeat(32)),
    () => records.update(zone, "0".repeat(32), {}),
  ])
    assert.equal(code(look), 81_044);
});

test("invalid records are refused with their codes", () => {
  const { records, zone } = world(100);
  const refused = (wanted: WantedRecord) => code(() => records.create(zone, wanted));
  assert.equal(refused({ type: "A", name: "a", content: "example.com" }), 9005);
  assert.equal(refused({ type: "AAAA", name: "a", content: "192.0.2.1" }), 9006);
  assert.equal(refused({ type: "CNAME", name: "a", content: "192.0.2.1" }), 9007);
  assert.equal(refused({ type: "CNAME", name: "a", content: "a.example.com" }), 9039);
  assert.equal(refused({ ...tunnel, name: "a b" }), 9000);
  assert.equal(refused({ ...tunnel, name: "a".repeat(64) }), 9000);
  assert.equal(refused({ type: "TXT", name: "a", content: "x", proxied: true }), 9004);
  assert.equal(refused({ type: "TXT", name: "a", content: "x", ttl: 30 }), 9021);
  assert.equal(refused({ ...tunnel, name: "a", tags: ["team:x"] }), 9300);
  assert.equal(refused({ ...tunnel, name: "a", comment: "x".repeat(101) }), 9302);
  assert.equal(refused({ ...tunnel, name: "a", comment: "x".repeat(100) }), undefined);
});

test("a zone has room for a limited number of records", () => {
  const { records, zone } = world(1);
  records.create(zone, { ...tunnel, name: "one" });
  assert.equal(
    code(() => records.create(zone, { ...tunnel, name: "two" })),
    81_045,
  );
});
