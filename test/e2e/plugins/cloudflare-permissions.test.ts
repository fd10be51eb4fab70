import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { CloudflareConfig, EdgeConfig, type Permission, TunnelEdgeConfig } from "../../../sandbox/cloudflare/config.ts";
import { startCloudflare, type Cloudflare } from "../../../sandbox/cloudflare/server.ts";
import { CloudflareApi } from "../../../sandbox/plugins/cloudflare/api.ts";
import { getZone, tunnelToken } from "../../../sandbox/plugins/cloudflare/functions.ts";
import { directCall } from "../../unit/plugins/direct-call.ts";
import { undoAfter } from "../../undo.ts";
import { engineWorld, type EngineWorld } from "./engine-world.ts";

// A token that may do everything else, but not this: what the stand-in says, for every resource and every step.
const ACCOUNT = "a".repeat(32);
const ZONE = "b".repeat(32);
const EVERYTHING: readonly Permission[] = ["tunnel:edit", "dns:edit", "zone:edit"];
const TOKENS = {
  everything: EVERYTHING,
  withoutTunnel: ["dns:edit", "zone:edit"],
  withoutDns: ["tunnel:edit", "zone:edit"],
  withoutZone: ["tunnel:edit", "dns:edit"],
} as const satisfies Record<string, readonly Permission[]>;
type TokenName = keyof typeof TOKENS;

const tokenOf = (name: TokenName): string => name.padEnd(40, "-");

async function emulator(t: TestContext, world: EngineWorld): Promise<{ account: Cloudflare; tunnelId: string }> {
  const account = await startCloudflare({
    cloudflare: CloudflareConfig.parse({
      port: 0,
      stateFile: join(world.directory, "cloudflare.sqlite"),
      accountId: ACCOUNT,
      zones: [{ id: ZONE, name: "odoo.test" }],
      tokens: Object.entries(TOKENS).map(([name, permissions]) => ({
        token: tokenOf(name as TokenName),
        permissions: [...permissions],
      })),
    }),
    edge: EdgeConfig.parse({ port: 0 }),
    tunnelEdge: TunnelEdgeConfig.parse({ port: 0, addresses: ["127.0.0.1"] }),
  });
  undoAfter(t, async () => await account.close());
  const answer = await fetch(`http://127.0.0.1:${account.ports.api}/client/v4/accounts/${ACCOUNT}/cfd_tunnel`, {
    method: "POST",
    headers: { authorization: `Bearer ${tokenOf("everything")}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "there-already", config_src: "cloudflare" }),
  });
  const { result } = (await answer.json()) as { result: { id: string } };
  return { account, tunnelId: result.id };
}

interface Kind {
  without: TokenName;
  /** What its calls begin with, below /client/v4. */
  path: string;
  make: (version: 1 | 2, tunnelId: string, options: pulumi.CustomResourceOptions) => void;
  /** The provider has no call for it. */
  deletesWithoutCall?: true;
}

const KINDS: Readonly<Record<string, Kind>> = {
  tunnel: {
    without: "withoutTunnel",
    path: `accounts/${ACCOUNT}/cfd_tunnel`,
    make: (version, _tunnelId, options) =>
      void new cloudflare.ZeroTrustTunnelCloudflared(
        "one",
        { accountId: ACCOUNT, name: `acme-${version}-tunnel`, configSrc: "cloudflare" },
        options,
      ),
  },
  configuration: {
    without: "withoutTunnel",
    path: `accounts/${ACCOUNT}/cfd_tunnel`,
    deletesWithoutCall: true,
    make: (version, tunnelId, options) =>
      void new cloudflare.ZeroTrustTunnelCloudflaredConfig(
        "one",
        { accountId: ACCOUNT, tunnelId, config: { ingresses: [{ service: `http_status:40${version}` }] } },
        options,
      ),
  },
  record: {
    without: "withoutDns",
    path: `zones/${ZONE}/dns_records`,
    make: (version, _tunnelId, options) =>
      void new cloudflare.DnsRecord(
        "one",
        { zoneId: ZONE, name: "acme.odoo.test", type: "CNAME", ttl: 1, content: `${version}.example.com` },
        options,
      ),
  },
  zone: {
    without: "withoutZone",
    path: "zones",
    make: (version, _tunnelId, options) =>
      void new cloudflare.Zone("one", { name: "other.test", account: { id: ACCOUNT }, paused: version === 2 }, options),
  },
};

function providerOf(account: Cloudflare, token: TokenName): cloudflare.Provider {
  const baseUrl = `http://127.0.0.1:${account.ports.api}/client/v4`;
  return new cloudflare.Provider("cloudflare", { apiToken: pulumi.secret(tokenOf(token)), baseUrl });
}

for (const [name, { without, path, make, deletesWithoutCall }] of Object.entries(KINDS)) {
  test(`a ${name} is neither made, changed, read nor deleted with a token that may not`, async (t) => {
    const world = await engineWorld(t);
    const { account, tunnelId } = await emulator(t, world);
    const stack = async (token: TokenName, version: 1 | 2 = 1) =>
      await world.stack(name, async () => make(version, tunnelId, { provider: providerOf(account, token) }));
    const refused = (method: string): RegExp =>
      new RegExp(
        `${method} "http://[^"]*/client/v4/${path}[^"]*": 403 Forbidden .*"code":10000,"message":"Authentication error"`,
        "s",
      );

    await assert.rejects((await stack(without)).up(), refused("POST|PUT"));
    await (await stack("everything")).up();
    await assert.rejects((await stack(without, 2)).up(), refused("PATCH|PUT"));
    // The failed change is not taken for done: with a token that may, it follows.
    const changed = await (await stack("everything", 2)).up();
    assert.equal(changed.summary.resourceChanges?.["update"], 2, "the provider, for its token, and the resource");
    await (await stack(without, 2)).up(); // nothing to do: the token is not tried
    await assert.rejects((await stack(without, 2)).refresh(), refused("GET"));
    const deletion = (await stack(without, 2)).destroy();
    if (deletesWithoutCall) return void (await deletion);
    await assert.rejects(deletion, refused("DELETE"));
    await (await stack("everything", 2)).up();
    await (await stack("everything", 2)).destroy();
  });
}

// Without the engine: in one, a program that fails takes the test's own process for its own.
const FUNCTIONS = [
  { name: "a zone's look-up", of: getZone, without: "withoutZone" },
  { name: "a tunnel's token", of: tunnelToken, without: "withoutTunnel" },
] as const;

for (const { name, of, without } of FUNCTIONS) {
  test(`${name} fails with a token that may not`, async (t) => {
    const world = await engineWorld(t);
    const { account, tunnelId } = await emulator(t, world);
    const ask = (token: TokenName) => {
      const headers = { authorization: `Bearer ${tokenOf(token)}` };
      const api = new CloudflareApi({ baseUrl: `http://127.0.0.1:${account.ports.api}/client/v4/`, headers });
      return of.call({ zoneId: ZONE, accountId: ACCOUNT, tunnelId }, directCall(api));
    };
    await assert.rejects(ask(without), /403 Forbidden .*"code":10000,"message":"Authentication error"/);
    const found = await ask("everything");
    assert.ok("token" in found || found["name"] === "odoo.test", JSON.stringify(found));
  });
}
