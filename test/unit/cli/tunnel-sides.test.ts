import assert from "node:assert/strict";
import { test } from "node:test";
import { type TunnelSides, tunnelSides } from "../../../automation/cli/tunnel-sides.ts";

const SIDES: TunnelSides = {
  tunnel_name: "acme-tunnel",
  tunnel_id: "b6b1c8a4",
  url: "https://acme.example.com",
  service: "cloudflared-acme-tunnel",
  status: "running",
  cloudflare: {
    status: "healthy",
    connectors: [
      {
        version: "2026.8.2",
        since: "2026-03-02T10:11:12Z",
        connections: [{ colo: "fra01" }, { colo: "fra02" }, { colo: "fra01" }],
      },
    ],
  },
  host: {
    container_id: 105,
    address: "172.16.16.105",
    installed: true,
    active_state: "active",
    sub_state: "running",
    enabled: true,
    since: "2026-03-02T10:11:11Z",
    restarts: 1,
    ready: { connections: 4 },
  },
  last_probe: { ok: true, at: "2026-03-02T10:12:00Z", latency_ms: 7.7, problem: null },
};

test("a healthy tunnel's sides are one line each", () => {
  const lines = tunnelSides(SIDES).split("\n");
  assert.deepEqual(lines.slice(-3), [
    "cloudflare     healthy; 3 connections (fra01, fra02) of version 2026.8.2 since 2026-03-02T10:11:12Z",
    "host           active (running) on 105 (172.16.16.105) since 2026-03-02T10:11:11Z; 1 restart; /ready: 4 connections",
    "last probe     good, 7.7 ms, 2026-03-02T10:12:00Z",
  ]);
});

test("what is wrong on a side is in its line", () => {
  const { host } = SIDES as TunnelSides & { host: object };
  const told = (sides: object): string => tunnelSides({ ...SIDES, ...sides });
  assert.match(told({ cloudflare: { status: "down", connectors: [] } }), /cloudflare +down; no connector\n/);
  assert.match(told({ cloudflare: { problem: "no answer in 10 s" } }), /cloudflare +no answer in 10 s\n/);
  assert.match(told({ host: { ...host, installed: false } }), /host +no such service on 105 /);
  assert.match(told({ host: { ...host, enabled: false, ready: null } }), /not enabled: .*; \/ready does not answer\n/);
  const probe = { ok: false, at: "2026-03-02T10:12:00Z", latency_ms: 3, problem: "error 1033" };
  assert.match(told({ last_probe: probe }), /last probe +error 1033, 2026/);
  assert.doesNotMatch(told({ last_probe: null }), /last probe/);
});
