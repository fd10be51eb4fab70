import assert from "node:assert/strict";
import { test } from "node:test";
import { tenantProgram } from "../../components/program.ts";
import { examplePlatform, exampleTenant } from "./example-platform.ts";
import { graphOf } from "./program-graph.ts";

test("a tenant whose plan has left the configuration is made from the plan's last values", async () => {
  const tenant = exampleTenant({ plan: "gold", planSettings: { connectionLimit: 33 } });
  const graph = await graphOf(tenantProgram(examplePlatform(), tenant));
  assert.equal(graph.get("acme-db-role")?.inputs["connectionLimit"], 33);
});
