import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestApi, type TestApi } from "../api/fixture.ts";
import { against } from "./run.ts";

const CREATE = ["tunnels", "create", "--subscription", "sub_9", "--host", "105", "--port", "8080"] as const;
const NAMED = ["--hostname", "shop.example.com", "--no-wait"] as const;

async function lastAction(api: TestApi): Promise<unknown> {
  return (await api.call("GET", "/api/audit?subject_type=tunnel&limit=1")).at("lines.0.action");
}

test("a container's own tunnel is made, shown, retried, unlocked, rotated and deleted", async (t) => {
  const api = await startTestApi(t);
  const cli = against(api);
  assert.match((await cli(...CREATE, ...NAMED)).out, /operation \d+ is under way/);
  const shown = (await cli("tunnels", "show", "shop-tunnel")).out;
  assert.match(shown, /url +https:\/\/shop\.example\.com\n/);
  assert.match(shown, /port +8080\nsubscription +sub_9\n$/);
  assert.match((await cli("tunnels", "list")).out, /shop-tunnel +pending +105/);
  assert.match((await cli("tunnels", "preview", "shop-tunnel", "--no-wait")).out, /is under way/);
  for (const verb of ["retry", "unlock", "rotate"]) {
    assert.match((await cli("tunnels", verb, "shop-tunnel", "--no-wait")).out, /is under way/);
    assert.equal(await lastAction(api), `tunnel.${verb}`);
  }
  assert.match((await cli("tunnels", "delete", "shop-tunnel")).error ?? "", /in a script say --yes/);
  assert.equal(await lastAction(api), "tunnel.rotate");
  assert.match((await cli("tunnels", "delete", "shop-tunnel", "--yes", "--no-wait")).out, /is under way/);
  assert.equal(await lastAction(api), "tunnel.delete");
  assert.match((await cli("operations", "list", "--tunnel", "shop-tunnel")).out, /shop-tunnel +delete +queued/);
  assert.doesNotMatch((await cli("operations", "list", "--tunnel", "other-tunnel")).out, /delete/);
});

test("what cannot be made is told with the way out", async (t) => {
  const cli = against(await startTestApi(t));
  assert.match((await cli(...CREATE, "--hostname", "shop.elsewhere.org")).error ?? "", /does not lie right below/);
  const far = CREATE.map((word) => (word === "8080" ? "70000" : word));
  assert.match((await cli(...far)).error ?? "", /local_port/);
  const worded = CREATE.map((word) => (word === "8080" ? "http" : word));
  assert.match((await cli(...worded)).error ?? "", /--port: "http" is no number/);
  assert.match((await cli("tunnels", "rotate", "other-tunnel")).error ?? "", /there is no tunnel "other-tunnel"/);
});
