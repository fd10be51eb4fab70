import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { CloudflareConfig, EdgeConfig, TunnelEdgeConfig } from "../../../sandbox/cloudflare/config.ts";
import { startCloudflare, type Cloudflare } from "../../../sandbox/cloudflare/server.ts";
import { undoAfter } from "../../undo.ts";
import { engineWorld, type EngineWorld } from "./engine-world.ts";

const ACCOUNT = "a".repeat(32);
const ZONE = "b".repeat(32);
const TOKEN = "t".repeat(40);
const SECRET = randomBytes(32).toString("base64");

async function emulator(t: TestContext, world: EngineWorld): Promise<Cloudflare> {
  const started = await startCloudflare({
    cloudflare: CloudflareConfig.parse({
      port: 0,
      stateFile: join(world.directory, "cloudflare.sqlite"),
      accountId: ACCOUNT,
      zones: [{ id: ZONE, name: "odoo.test" }],
      tokens: [{ token: TOKEN, permissions: ["tunnel:edit", "dns:edit", "zone:edit"] }],
      nameClashShouldRetry: false,
    }),
    edge: EdgeConfig.parse({ port: 0 }),
    tunnelEdge: TunnelEdgeConfig.parse({ port: 0, addresses: ["127.0.0.1"] }),
  });
  undoAfter(t, async () => await started.close());
  return started;
}

interface Wish {
  name?: string;
  service?: string;
  import?: { tunnel: string; config: string; record: string };
}

/** A tenant's tunnel as components make it. */
function program(port: number, wish: Wish = {}) {
  return async (): Promise<Record<string, pulumi.Output<unknown>>> => {
    const baseUrl = `http://127.0.0.1:${port}/client/v4`;
    const options = { provider: new cloudflare.Provider("cloudflare", { apiToken: pulumi.secret(TOKEN), baseUrl }) };
    const adopt = (id: string | undefined, ignoreChanges: string[] = []): pulumi.CustomResourceOptions =>
      id === undefined ? options : { ...options, import: id, ignoreChanges };
    const tunnel = new cloudflare.ZeroTrustTunnelCloudflared(
      "tunnel",
      {
        accountId: ACCOUNT,
        name: wish.name ?? "acme-tunnel",
        configSrc: "cloudflare",
        tunnelSecret: pulumi.secret(SECRET),
      },
      adopt(wish.import?.tunnel, ["tunnelSecret"]),
    );
    const hostname = "acme.odoo.test";
    new cloudflare.ZeroTrustTunnelCloudflaredConfig(
      "config",
      {
        accountId: ACCOUNT,
        tunnelId: tunnel.id,
        config: {
          ingresses: [
            { hostname, path: "^/web/database", service: "http_status:403" },
            { hostname, service: wish.service ?? "http://127.0.0.1:8069", originRequest: { httpHostHeader: hostname } },
            { service: "http_status:404" },
          ],
        },
      },
      adopt(wish.import?.config),
    );
    const record = new cloudflare.DnsRecord(
      "record",
      {
        zoneId: ZONE,
        name: "acme",
        type: "CNAME",
        ttl: 1,
        proxied: true,
        content: pulumi.interpolate`${tunnel.id}.cfargotunnel.com`,
        comment: "ours",
      },
      adopt(wish.import?.record),
    );
    const zone = cloudflare.getZoneOutput({ zoneId: ZONE }, options);
    const { token } = cloudflare.getZeroTrustTunnelCloudflaredTokenOutput(
      { accountId: ACCOUNT, tunnelId: tunnel.id },
      options,
    );
    return { tunnelId: tunnel.id, recordId: record.id, zone: zone.name, token: pulumi.secret(token) };
  };
}

test("a tunnel with configuration and record is made, left alone, changed, refreshed and destroyed", async (t) => {
  const world = await engineWorld(t);
  const { ports } = await emulator(t, world);
  const stack = async (wish: Wish = {}) => await world.stack("acme", program(ports.api, wish));

  assert.deepEqual((await (await stack()).preview()).changeSummary, { create: 5 });
  const up = await (await stack()).up();
  assert.deepEqual(up.summary.resourceChanges, { create: 5 });
  const { tunnelId, token, zone } = up.outputs;
  assert.equal(zone?.value, "odoo.test");
  assert.deepEqual(JSON.parse(Buffer.from(String(token?.value), "base64").toString()), {
    a: ACCOUNT,
    t: String(tunnelId?.value),
    s: SECRET,
  });

  assert.deepEqual((await (await stack()).up()).summary.resourceChanges, { same: 5 });
  assert.deepEqual((await (await stack()).refresh()).summary.resourceChanges, { same: 5 }, "the record's full name");
  assert.deepEqual(
    (await (await stack()).up()).summary.resourceChanges,
    { same: 5 },
    "means the same as the short one",
  );

  const suspended = await (await stack({ service: "http_status:503" })).up();
  assert.deepEqual(suspended.summary.resourceChanges, { same: 4, update: 1 });
  const renamed = await (await stack({ name: "acme-2-tunnel" })).up();
  assert.deepEqual(renamed.summary.resourceChanges, { same: 3, update: 2 });
  assert.equal(renamed.outputs["tunnelId"]?.value, tunnelId?.value);

  const { deployment } = (await (await stack()).exportStack()) as {
    deployment: { resources: { outputs?: Record<string, unknown> }[] };
  };
  const states = deployment.resources.map(({ outputs }) => outputs ?? {});
  const state = states.find((outputs) => outputs["tunnelSecret"] !== undefined);
  assert.ok(JSON.stringify(state?.["tunnelSecret"]).includes("1b47061264138c4ac30d75fd1eb44270"));
  assert.equal(
    states.filter((outputs) => outputs["__meta"] === '{"schema_version":"500"}').length,
    3,
    "as the official plugin marks its state",
  );

  await (await stack({ name: "acme-2-tunnel" })).destroy();
});

test("what exists is imported by its ids and then the same", async (t) => {
  const world = await engineWorld(t);
  const { ports } = await emulator(t, world);
  const maker = await world.stack("maker", program(ports.api));
  const { outputs } = await maker.up();
  const tunnelId = String(outputs["tunnelId"]?.value);
  const ids = {
    tunnel: `${ACCOUNT}/${tunnelId}`,
    config: `${ACCOUNT}/${tunnelId}`,
    record: `${ZONE}/${String(outputs["recordId"]?.value)}`,
  };
  const adopter = await world.stack("adopter", program(ports.api, { import: ids }));
  assert.deepEqual((await adopter.up()).summary.resourceChanges, { create: 2, import: 3 });
  assert.deepEqual((await adopter.up()).summary.resourceChanges, { same: 5 });
  const after = await world.stack("adopter", program(ports.api));
  assert.deepEqual(
    (await after.up()).summary.resourceChanges,
    { same: 4, update: 1 },
    "the secret is ours from now on",
  );
  assert.deepEqual((await after.up()).summary.resourceChanges, { same: 5 });
});

test("a name that is taken, and a token that may not, are told with the API's own code", async (t) => {
  const world = await engineWorld(t);
  const { ports } = await emulator(t, world);
  await (await world.stack("first", program(ports.api))).up();
  await assert.rejects((await world.stack("second", program(ports.api))).up(), /409 Conflict.*1013/s);
});
