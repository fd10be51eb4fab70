import assert from "node:assert/strict";
import { test } from "node:test";
import { ingressRules } from "../../../components/tenant/ingress.ts";

const base = { hostnames: ["acme.example.com"], origin: "http://127.0.0.1:8069" };

test("custom domains are further host names with the same rules", () => {
  const rules = ingressRules({ ...base, hostnames: ["acme.example.com", "shop.acme.org"] });
  assert.deepEqual(
    rules.map((rule) => rule.hostname),
    ["acme.example.com", "acme.example.com", "shop.acme.org", "shop.acme.org", undefined],
  );
});

test("Odoo's live connection goes to its own process when there is one", () => {
  const rules = ingressRules({ ...base, live: { route: "websocket", origin: "http://127.0.0.1:8072" } });
  assert.equal(rules.find((rule) => rule.path === "^/websocket(/|$)")?.service, "http://127.0.0.1:8072");
  assert.ok(
    rules.findIndex((rule) => rule.path === "^/websocket(/|$)") <
      rules.findIndex((rule) => rule.service === base.origin),
  );
});

test("a suspended tenant's host names answer 503 and nothing reaches Odoo", () => {
  assert.deepEqual(ingressRules({ ...base, suspendedService: "http_status:503" }), [
    { hostname: "acme.example.com", service: "http_status:503" },
    { service: "http_status:404" },
  ]);
});

test("the last rule is the catch-all, and the only one without a host name", () => {
  for (const suspendedService of ["http_status:503", undefined]) {
    const rules = ingressRules({ ...base, suspendedService });
    assert.deepEqual(rules.at(-1), { service: "http_status:404" });
    assert.equal(rules.filter((rule) => rule.hostname === undefined).length, 1);
  }
});
