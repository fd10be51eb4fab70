import assert from "node:assert/strict";
import { test } from "node:test";
import { FieldError } from "../../../components/field-error.ts";
import { CustomDomainTaken } from "../../../automation/tenants/errors.ts";
import { reconcile } from "../../../automation/tenants/reconcile.ts";
import { BY, useWorld } from "./world.ts";

const world = useWorld();

test("a domain is one tenant's at a time, at the request and at a change, until it is given up", async () => {
  const { tenants, tenant } = world();
  const owner = await tenant({ settings: { customDomains: ["erp.acme.example", "shop.acme.example"] } });
  const other = await tenant();
  const settings = { customDomains: ["new.example", "shop.acme.example"] };
  const taken = (error: unknown): boolean =>
    error instanceof CustomDomainTaken &&
    error.field === "custom_domains" &&
    error.value === "shop.acme.example" &&
    error.message.includes(owner.subdomain);
  await assert.rejects(tenant({ settings }), taken);
  await assert.rejects(tenants.changeWish(other.id, { settings }, BY), taken);
  assert.deepEqual((await tenants.get(other.id))?.settings, {});

  await tenants.changeWish(owner.id, { settings: { customDomains: ["erp.acme.example"] } }, BY);
  const { tenant: changed } = await tenants.changeWish(other.id, { settings }, BY);
  assert.deepEqual(changed.settings.customDomains, settings.customDomains);
});

test("a deleted tenant's domain is free when the deletion is done, not before", async () => {
  const { tenants, tenant, worker } = world();
  const settings = { customDomains: ["gone.example"] };
  const { id } = await tenant({ settings });
  await tenants.changeWish(id, { wanted: "deleted" }, BY);
  await assert.rejects(tenant({ settings }), CustomDomainTaken);
  await reconcile(id, worker());
  await tenant({ settings });
});

test("of many that want a domain at once exactly one gets it", async () => {
  const { tenants, tenant } = world();
  const settings = { customDomains: ["wanted.example"] };
  const ids = await Promise.all(Array.from({ length: 4 }, async () => (await tenant()).id));
  const answers = await Promise.allSettled([
    ...ids.map((id) => tenants.changeWish(id, { settings }, BY)),
    ...Array.from({ length: 4 }, () => tenant({ settings })),
  ]);
  assert.equal(answers.filter(({ status }) => status === "fulfilled").length, 1);
});

test("a domain below the platform's is refused by a change, and keeps nobody who has one from being suspended", async () => {
  const { tenants, tenant, db } = world();
  const { id } = await tenant();
  const settings = { customDomains: ["x.odoo.example.com"] };
  await assert.rejects(
    tenants.changeWish(id, { settings }, BY),
    (error) => error instanceof FieldError && error.field === "custom_domains",
  );
  await db.query("update tenant_deployments set settings = $2 where id = $1", [id, JSON.stringify(settings)]);
  assert.equal((await tenants.changeWish(id, { wanted: "suspended" }, BY)).tenant.wanted, "suspended");
});
