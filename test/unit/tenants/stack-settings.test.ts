import assert from "node:assert/strict";
import { test } from "node:test";
import { derivePassword } from "../../../components/tenant/secrets.ts";
import { readStackConfig } from "../../../components/settings/stack-config.ts";
import { secretsOf, stackConfig, stackSettings } from "../../../automation/tenants/stack-settings.ts";
import { examplePlatform } from "../../components/example-platform.ts";
import { aTenant } from "./a-tenant.ts";

test("a row becomes the input of its stack", () => {
  const tenant = aTenant({
    localPort: 8070,
    wanted: "suspended",
    settings: { language: "fr_FR", customDomains: ["acme.shop.example"], secretGeneration: { tunnel: 2 } },
  });
  assert.deepEqual(stackSettings(tenant), {
    subdomain: "acme",
    plan: "starter",
    hostId: 105,
    port: 8070,
    adminEmail: "owner@acme.example",
    language: "fr_FR",
    customDomains: ["acme.shop.example"],
    suspended: true,
    secretGeneration: { tunnel: 2, postgresRole: 1 },
  });
});

test("a row that cannot become a stack is refused with its field", () => {
  assert.throws(() => stackSettings(aTenant({ customerEmail: "nobody" })), /adminEmail/);
});

test("an operator's program reads the same settings from the configuration that the server leaves", () => {
  const settings = stackSettings(aTenant({ localPort: 8070, settings: { companyName: "Acme" } }));
  const left = stackConfig(settings, "organization/odoosaas/prod");
  const asPulumiGivesIt = Object.fromEntries(
    Object.entries(left).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
  assert.deepEqual(readStackConfig(asPulumiGivesIt), {
    kind: "tenant",
    platformStack: "organization/odoosaas/prod",
    tenant: settings,
  });
});

test("the secrets of a run are the platform's and this tenant's own", () => {
  const platform = examplePlatform();
  const secrets = secretsOf(platform, stackSettings(aTenant()));
  for (const secret of [
    platform.masterKey,
    platform.cloudflareApiToken,
    platform.sshPrivateKey,
    derivePassword(platform.masterKey, "acme", "odoo-admin"),
  ]) {
    assert.ok(secrets.includes(secret));
  }
});
