import assert from "node:assert/strict";
import { test } from "node:test";
import { FieldError } from "../../../components/field-error.ts";
import { Subdomain } from "../../../components/tenant/subdomain.ts";
import { labelOf } from "../../../automation/tunnels/tunnel-label.ts";

const platform = { domain: "odoo.example.com", reservedSubdomains: ["intern"] };
const of = (hostname?: string, subscriptionId = "sub_1"): string =>
  labelOf({ subscriptionId, ...(hostname !== undefined && { hostname }) }, platform);

test("a host name right below the platform's domain gives its label", () => {
  assert.equal(of("shop.odoo.example.com"), "shop");
});

test("what the platform cannot serve is refused, with the field and the way out", () => {
  for (const hostname of [
    "shop.example.com",
    "odoo.example.com",
    "a.shop.odoo.example.com",
    "shopodoo.example.com",
    "intern.odoo.example.com",
    "www.odoo.example.com",
    "ab.odoo.example.com",
    `${"x".repeat(33)}.odoo.example.com`,
    "xn--shop.odoo.example.com",
  ]) {
    assert.throws(
      () => of(hostname),
      (error) =>
        error instanceof FieldError && error.field === "hostname" && error.remedy.includes("<name>.odoo.example.com"),
      hostname,
    );
  }
});

test("a name further below is refused as such: Cloudflare's certificate does not cover it", () => {
  assert.throws(() => of("a.shop.odoo.example.com"), /right below/);
});

test("without a host name it is made from the subscription: always the same, always valid, never another's", () => {
  assert.match(of(undefined, "sub_1PqRsT"), /^sub-1pqrst-[0-9a-f]{6}$/);
  const ids = [
    "sub_1PqRsT",
    "sub_1pqrst",
    "sub-1PqRsT",
    "_",
    "a",
    "Ab--c",
    "x".repeat(255),
    "sub_1MowQVLkdIwHu7ixeraBm864",
  ];
  const labels = ids.map((id) => of(undefined, id));
  assert.deepEqual(
    labels,
    ids.map((id) => of(undefined, id)),
  );
  assert.equal(new Set(labels).size, ids.length);
  for (const label of labels) assert.ok(Subdomain.safeParse(label).success, label);
});
