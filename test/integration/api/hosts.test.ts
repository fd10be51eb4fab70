import assert from "node:assert/strict";
import { test } from "node:test";
import { PLATFORM, startTestApi } from "./fixture.ts";

const [host] = PLATFORM.hosts;
const path = `/api/hosts/${host?.id}/rotate`;

test("a host's own password is exchanged, which is on record before", async (t) => {
  const api = await startTestApi(t);
  const answer = await api.call("POST", path);
  assert.deepEqual([answer.status, answer.at("role"), answer.at("odoo_restarted")], [200, host?.odoo.role, false]);
  await api.call("POST", path, { body: { restart_odoo: true } });
  assert.deepEqual(api.connectors.rotated, [
    [host?.id, false],
    [host?.id, true],
  ]);
  const lines = await api.call("GET", "/api/audit?subject_type=host");
  assert.deepEqual(lines.at("lines.*.action"), ["host.rotate", "host.rotate"]);
  assert.equal((await api.call("POST", "/api/hosts/999/rotate")).status, 404);

  await api.database.query("drop table audit_log cascade");
  assert.equal((await api.call("POST", path)).status, 500);
  assert.equal(api.connectors.rotated.length, 2);
});
