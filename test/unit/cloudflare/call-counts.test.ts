import assert from "node:assert/strict";
import { test } from "node:test";
import { callsOf } from "../../../automation/cloudflare/call-counts.ts";
import { CallMeter } from "../../../automation/cloudflare/call-meter.ts";
import type { ResourceChange } from "../../../automation/tenants/operation.ts";

const TUNNEL = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared";
const CONFIG = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig";
const RECORD = "cloudflare:index/dnsRecord:DnsRecord";

function change(type: string, op: string, seconds = 0.1): ResourceChange {
  return { urn: `urn:pulumi:acme::odoosaas::${type}::x`, type, op, seconds };
}

test("a new tenant's run makes one call for each of Cloudflare's resources, and one for the token", () => {
  const resources = [TUNNEL, CONFIG, RECORD, "postgresql:index/role:Role"].map((type) => change(type, "create"));
  assert.equal(callsOf({ resources }, "up"), 4);
});

test("a deletion makes none for the configuration, and asks for the connections", () => {
  const resources = [
    ...[TUNNEL, CONFIG, RECORD].map((type) => change(type, "delete")),
    change("command:local:Command", "delete"),
  ];
  assert.equal(callsOf({ resources }, "destroy"), 2 + 3);
});

test("a preview asks for the token only, and a run that changes nothing too", () => {
  assert.equal(callsOf({ resources: [change(TUNNEL, "create")] }, "preview"), 1);
  assert.equal(callsOf({ resources: [] }, "up"), 1);
});

test("what took as long as repetitions do is counted as so many calls, eleven at most", () => {
  const calls = (seconds: number) => callsOf({ resources: [change(RECORD, "create", seconds)] }, "destroy");
  assert.deepEqual([0.2, 1.6, 5, 100, 10_000].map(calls), [1, 2, 3, 8, 11]);
});

test("a run that failed has called as much as it had reserved, or more when more is known", async () => {
  const meter = new CallMeter("account", 8);
  await meter.pay();
  meter.add(1, false);
  assert.equal(meter.made, 8);
  meter.add(11, false);
  assert.equal(meter.made, 13);
  const good = new CallMeter("account", 8);
  await good.pay();
  good.add(4, true);
  assert.equal(good.made, 5);
});
