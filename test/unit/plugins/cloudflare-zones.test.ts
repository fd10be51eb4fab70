import assert from "node:assert/strict";
import { test } from "node:test";
import { dnsRecord } from "../../../sandbox/plugins/cloudflare/dns-record.ts";
import { getZone } from "../../../sandbox/plugins/cloudflare/functions.ts";
import { zone } from "../../../sandbox/plugins/cloudflare/zone.ts";
import { changed, fakeApi, old } from "./fake-api.ts";

const RECORD = {
  id: "r1",
  name: "acme.example.com",
  type: "CNAME",
  content: "t1.cfargotunnel.com",
  ttl: 1,
  proxied: true,
  proxiable: true,
  comment: "c",
  meta: { auto: true },
  tags: [],
  created_on: "c",
  modified_on: "m",
};
const RECORD_INPUTS = {
  zoneId: "z",
  name: "acme",
  type: "CNAME",
  content: "t1.cfargotunnel.com",
  ttl: 1,
  proxied: true,
  comment: "c",
};

test("a record is made with a CNAME's settings spelled out, and keeps the name that the program gave", async (t) => {
  const { call, seen, lines } = await fakeApi(t, { result: RECORD });
  const made = await dnsRecord.create(RECORD_INPUTS, call);
  assert.deepEqual(lines(), ["POST zones/z/dns_records"]);
  const { zoneId: _, ...body } = RECORD_INPUTS;
  assert.deepEqual(seen[0]?.body, { ...body, settings: { flatten_cname: false, ipv4_only: false, ipv6_only: false } });
  assert.deepEqual([made.id, made.outputs["name"], made.outputs["meta"]], ["r1", "acme", '{"auto":true}']);
  assert.deepEqual(made.outputs["settings"], { flattenCname: false, ipv4Only: false, ipv6Only: false });
});

test("a record reads the same in short, in full and with another case, and after a refresh", async (t) => {
  const { call } = await fakeApi(t, { result: RECORD });
  const made = await dnsRecord.read("r1", old({ zoneId: "z", id: "r1", name: "acme" }, RECORD_INPUTS), call);
  assert.equal(made?.outputs["name"], "acme.example.com");
  const state = old(made?.outputs ?? {});
  for (const name of ["acme", "acme.example.com", "acme.example.com."])
    assert.deepEqual(
      changed(dnsRecord.diff(state, { ...RECORD_INPUTS, name, content: "T1.cfargotunnel.com" })),
      {},
      name,
    );
  assert.deepEqual(
    changed(dnsRecord.diff(old({ ...state.outputs, name: "example.com" }), { ...RECORD_INPUTS, name: "@" })),
    {},
  );
  assert.deepEqual(changed(dnsRecord.diff(state, { ...RECORD_INPUTS, name: "other" })), { name: "update" });
  assert.deepEqual(changed(dnsRecord.diff(state, { ...RECORD_INPUTS, settings: { flattenCname: true } })), {
    "settings.flattenCname": "update",
  });
  assert.deepEqual(
    changed(dnsRecord.diff(state, { ...RECORD_INPUTS, zoneId: "y", type: "A" }))["zoneId"],
    "update (replaces)",
  );
});

test("a proxied record with a TTL of its own is refused without asking the API", async (t) => {
  const { call, lines } = await fakeApi(t, "drop");
  await assert.rejects(
    dnsRecord.create({ ...RECORD_INPUTS, ttl: 300 }, call),
    /ttl must be set to 1 when `proxied` is true/,
  );
  assert.deepEqual(lines(), []);
});

test("an update of a record sends the whole of it, with null for what was taken away", async (t) => {
  const { call, seen, lines } = await fakeApi(t, { result: RECORD });
  const before = old({
    ...RECORD_INPUTS,
    id: "r1",
    settings: { flattenCname: false, ipv4Only: false, ipv6Only: false },
    tags: [],
    proxiable: true,
    includeShadowMetadata: false,
  });
  const { comment: _, ...news } = RECORD_INPUTS;
  assert.deepEqual(changed(dnsRecord.diff(before, news)), { comment: "delete" });
  await dnsRecord.update(before, news, call);
  assert.equal(lines()[0], "PUT zones/z/dns_records/r1");
  const { zoneId: _zone, ...body } = RECORD_INPUTS;
  assert.deepEqual(seen[0]?.body, {
    ...body,
    comment: null,
    tags: [],
    settings: { flatten_cname: false, ipv4_only: false, ipv6_only: false },
  });
});

test("a record is imported by zone and id", async (t) => {
  const { call, lines } = await fakeApi(t, { result: RECORD });
  const found = await dnsRecord.read("z/r1", undefined, call);
  assert.deepEqual([found?.id, lines()], ["r1", ["GET zones/z/dns_records/r1"]]);
  assert.deepEqual(
    changed(dnsRecord.diff(old(found?.outputs ?? {}), RECORD_INPUTS)),
    {},
    "and adopted without a change",
  );
});

test("a zone is made, changed in part and looked up", async (t) => {
  const result = {
    id: "z",
    name: "example.com",
    account: { id: "acc", name: "Acme" },
    status: "active",
    type: "full",
    paused: false,
    name_servers: ["a"],
    meta: { step: 2 },
  };
  const { call, seen, lines } = await fakeApi(
    t,
    { result },
    { result: { ...result, paused: true } },
    { result: [result] },
    { result },
    { result: [] },
  );
  const inputs = { name: "example.com", account: { id: "acc" } };
  const made = await zone.create(inputs, call);
  assert.deepEqual(
    [made.id, made.outputs["account"], made.outputs["status"], made.outputs["nameServers"]],
    ["z", { id: "acc" }, "active", ["a"]],
  );
  assert.deepEqual(seen[0]?.body, { ...inputs, paused: false, type: "full" });
  const outputs = await zone.update(old(made.outputs), { ...inputs, paused: true }, call);
  assert.deepEqual([seen[1]?.body, outputs["paused"]], [{ paused: true }, true]);
  assert.deepEqual(Object.keys(changed(zone.diff(old(made.outputs), { name: "other.com", account: { id: "b" } }))), [
    "account.id",
    "name",
  ]);
  const found = await getZone.call({ filter: { name: "example.com", account: { id: "acc" } } }, call);
  assert.deepEqual(
    [found["id"], found["zoneId"], found["name"], found["account"]],
    ["z", "z", "example.com", { id: "acc", name: "Acme" }],
  );
  assert.equal(lines()[2], "GET zones?name=example.com&account.id=acc");
  await assert.rejects(getZone.call({ filter: { name: "none" } }, call), /failed to find exactly one result: 0 found/);
  await assert.rejects(getZone.call({}, call), /give zoneId or filter/);
});
