import assert from "node:assert/strict";
import { test } from "node:test";
import { scriptInputs } from "../../bench/ways/script-inputs.ts";
import { tenantProgram } from "../../components/program.ts";
import { examplePlatform, exampleTenant } from "./example-platform.ts";
import { graphOf } from "./program-graph.ts";

test("the plain script of the measures feeds a host what the tenant's stack feeds it", async () => {
  const platform = examplePlatform();
  const tenant = exampleTenant();
  const graph = await graphOf(tenantProgram(platform, tenant));
  const stdin = (name: string) => graph.get(name)?.inputs["stdin"];
  const inputs = scriptInputs(platform, tenant);
  const connector = String(stdin("acme-connector-script"));
  const token = /^TOKEN=(.+)$/m.exec(connector)?.[1] ?? "";
  assert.equal(stdin("acme-odoo-script"), inputs.odoo);
  assert.equal(connector, inputs.connector(token));
});
