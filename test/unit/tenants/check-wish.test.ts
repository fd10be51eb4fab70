import assert from "node:assert/strict";
import { test } from "node:test";
import { FieldError } from "../../../components/field-error.ts";
import { checkWish } from "../../../automation/tenants/check-wish.ts";
import { examplePlatform } from "../../components/example-platform.ts";
import { aTenant } from "./a-tenant.ts";

const platform = examplePlatform({ reservedSubdomains: ["ours"] });

const REFUSED: readonly [string, Parameters<typeof aTenant>[0], string][] = [
  ["an empty subdomain", { subdomain: "" }, "subdomain"],
  ["upper case", { subdomain: "Acme" }, "subdomain"],
  ["64 characters", { subdomain: "a".repeat(64) }, "subdomain"],
  ["unicode", { subdomain: "äcme" }, "subdomain"],
  ["a leading dash", { subdomain: "-acme" }, "subdomain"],
  ["SQL in the subdomain", { subdomain: "a';drop table x" }, "subdomain"],
  ["shell in the subdomain", { subdomain: "$(reboot)" }, "subdomain"],
  ["a reserved subdomain", { subdomain: "www" }, "subdomain"],
  ["a subdomain that the platform reserves", { subdomain: "ours" }, "subdomain"],
  ["an unknown plan", { planType: "gold" }, "plan_type"],
  ["a port out of range", { localPort: 65_536 }, "local_port"],
  ["no e-mail address", { customerEmail: "nobody" }, "customer_email"],
  ["a language that is no code", { settings: { language: "French" } }, "language"],
  [
    "a custom domain below the platform's",
    { settings: { customDomains: ["a.example", "x.odoo.example.com"] } },
    "custom_domains",
  ],
  ["the platform's own domain", { settings: { customDomains: ["odoo.example.com"] } }, "custom_domains"],
];

for (const [what, change, field] of REFUSED) {
  test(`${what} is refused, naming ${field} and the remedy`, () => {
    assert.throws(
      () => checkWish(aTenant(change), platform, { subdomain: true, plan: true, customDomains: true }),
      (error) => error instanceof FieldError && error.field === field && error.remedy.endsWith("."),
    );
  });
}

test("a proper wish passes", () => {
  checkWish(
    aTenant({ settings: { language: "fr_FR", country: "FR", customDomains: ["acme.shop.example"] } }),
    platform,
    { subdomain: true, plan: true, customDomains: true },
  );
});

test("what a tenant has already is not asked for again: its plan and its name may have left the configuration", () => {
  checkWish(aTenant({ planType: "gold", subdomain: "ours" }), platform, {
    subdomain: false,
    plan: false,
    customDomains: false,
  });
  assert.throws(
    () => checkWish(aTenant({ planType: "gold" }), platform, { subdomain: false, plan: true, customDomains: false }),
    /gold/,
  );
});
