import assert from "node:assert/strict";
import { test } from "node:test";
import { tunnelToken } from "../../../sandbox/plugins/cloudflare/functions.ts";
import { tunnelConfig } from "../../../sandbox/plugins/cloudflare/tunnel-config.ts";
import { tunnel } from "../../../sandbox/plugins/cloudflare/tunnel.ts";
import { UNKNOWN, type Properties } from "../../../sandbox/plugins/framework/value.ts";
import { changed, fakeApi, old } from "./fake-api.ts";

const META = { __meta: '{"schema_version":"500"}' };

const TUNNEL = {
  id: "t1",
  account_tag: "acc",
  name: "acme-tunnel",
  config_src: "local",
  status: "inactive",
  tun_type: "cfd_tunnel",
};

test("a tunnel is made with its secret, which only the state keeps", async (t) => {
  const { call, seen, lines } = await fakeApi(t, {
    result: { ...TUNNEL, deleted_at: null, metadata: {}, connections: [] },
  });
  const inputs = { accountId: "acc", name: "acme-tunnel", configSrc: "cloudflare", tunnelSecret: "s" };
  const made = await tunnel.create(inputs, call);
  assert.deepEqual(lines(), ["POST accounts/acc/cfd_tunnel"]);
  assert.deepEqual(seen[0]?.body, { name: "acme-tunnel", config_src: "cloudflare", tunnel_secret: "s" });
  assert.deepEqual(made, {
    id: "t1",
    outputs: {
      ...inputs,
      ...META,
      id: "t1",
      accountTag: "acc",
      status: "inactive",
      tunType: "cfd_tunnel",
      metadata: "{}",
      connections: [],
    },
  });
});

test("a tunnel's name and secret change in place and alone, its account and source do not", async (t) => {
  const { call, seen, lines } = await fakeApi(t, { result: TUNNEL });
  const before = old({ id: "t1", accountId: "acc", name: "acme-tunnel", configSrc: "cloudflare", tunnelSecret: "s" });
  const news = { accountId: "acc", name: "renamed", configSrc: "cloudflare", tunnelSecret: "s2" };
  assert.deepEqual(changed(tunnel.diff(before, news)), { name: "update", tunnelSecret: "update" });
  const outputs = await tunnel.update(before, { ...news, name: "acme-tunnel" }, call);
  assert.deepEqual([lines(), seen[0]?.body], [["PATCH accounts/acc/cfd_tunnel/t1"], { tunnel_secret: "s2" }]);
  assert.deepEqual([outputs["configSrc"], outputs["tunnelSecret"]], ["cloudflare", "s2"]);
  assert.deepEqual(changed(tunnel.diff(before, { accountId: "other", name: "acme-tunnel", tunnelSecret: "s" })), {
    accountId: "update (replaces)",
    configSrc: "update (replaces)",
  });
});

test("a tunnel that was deleted behind our back is still there for a refresh, until the API says 404", async (t) => {
  const { call } = await fakeApi(t, { result: { ...TUNNEL, deleted_at: "2026-01-01T00:00:00Z" } }, { status: 404 });
  const before = old(
    { id: "t1", accountId: "acc", name: "acme-tunnel", configSrc: "cloudflare", tunnelSecret: "s" },
    { accountId: "acc", name: "x" },
  );
  const seen = await tunnel.read("t1", before, call);
  assert.equal(seen?.outputs["deletedAt"], "2026-01-01T00:00:00Z");
  assert.deepEqual(
    [seen?.outputs["configSrc"], seen?.outputs["tunnelSecret"]],
    ["cloudflare", "s"],
    "kept, whatever the API says",
  );
  assert.deepEqual(seen?.inputs, { accountId: "acc", name: "acme-tunnel" });
  assert.equal(await tunnel.read("t1", before, call), undefined);
});

test("deleting a tunnel that is gone, or has connections, fails", async (t) => {
  const { call, lines } = await fakeApi(t, { status: 404 }, { status: 400, body: '{"errors":[{"code":1022}]}' });
  const before = old({ id: "t1", accountId: "acc", name: "n", configSrc: "local" });
  await assert.rejects(tunnel.delete(before, call), /404/);
  await assert.rejects(tunnel.delete(before, call), /400 Bad Request.*1022/);
  assert.deepEqual(lines(), ["DELETE accounts/acc/cfd_tunnel/t1", "DELETE accounts/acc/cfd_tunnel/t1"]);
});

test("a tunnel is imported by account and id, its source taken from the API", async (t) => {
  const { call, lines } = await fakeApi(t, { result: { ...TUNNEL, config_src: "cloudflare" } });
  const found = await tunnel.read("acc/t1", undefined, call);
  assert.deepEqual([found?.id, lines()], ["t1", ["GET accounts/acc/cfd_tunnel/t1"]]);
  assert.deepEqual(found?.inputs, { accountId: "acc", name: "acme-tunnel", configSrc: "cloudflare" });
  await assert.rejects(
    tunnel.read("t1", undefined, call),
    /invalid ID: expected urlencoded segments "<account_id>\/<tunnel_id>", got "t1"/,
  );
});

const CONFIG: Properties = {
  ingresses: [
    {
      hostname: "a.example",
      service: "http://1:80",
      originRequest: {
        httpHostHeader: "a",
        noTlsVerify: true,
        matchSnItoHost: false,
        access: { audTags: ["x"], teamName: "t" },
      },
    },
    { service: "http_status:404" },
  ],
};
const API_CONFIG = {
  ingress: [
    {
      hostname: "a.example",
      service: "http://1:80",
      originRequest: {
        httpHostHeader: "a",
        noTLSVerify: true,
        matchSNItoHost: false,
        access: { audTag: ["x"], teamName: "t" },
      },
    },
    { service: "http_status:404" },
  ],
};

test("a tunnel's configuration goes and comes under the API's own names", async (t) => {
  const { call, seen, lines } = await fakeApi(t, {
    result: { config: API_CONFIG, version: 3, source: "cloudflare", created_at: "c" },
  });
  const made = await tunnelConfig.create({ accountId: "acc", tunnelId: "t1", config: CONFIG }, call);
  assert.deepEqual(
    [lines(), seen[0]?.body],
    [["PUT accounts/acc/cfd_tunnel/t1/configurations"], { config: API_CONFIG }],
  );
  const outputs = {
    ...META,
    accountId: "acc",
    tunnelId: "t1",
    config: CONFIG,
    version: 3,
    source: "cloudflare",
    createdAt: "c",
    id: "t1",
  };
  assert.deepEqual(made, { id: "t1", outputs });
  const read = await tunnelConfig.read("t1", old(outputs, { accountId: "acc", tunnelId: "t1", config: CONFIG }), call);
  assert.deepEqual([read?.outputs, read?.inputs], [outputs, { accountId: "acc", tunnelId: "t1", config: CONFIG }]);
  assert.deepEqual(changed(tunnelConfig.diff(old(outputs), { accountId: "acc", tunnelId: "t1", config: CONFIG })), {});
});

test("a tunnel's configuration is replaced with its tunnel, and its deletion calls nobody", async (t) => {
  const { call, lines } = await fakeApi(t, "drop");
  const before = old({ id: "t1", accountId: "acc", tunnelId: "t1", config: CONFIG, version: 1 });
  assert.deepEqual(changed(tunnelConfig.diff(before, { accountId: "acc", tunnelId: UNKNOWN, config: CONFIG })), {
    tunnelId: "update (replaces)",
  });
  const rules = { ingresses: [{ service: "http_status:503" }] };
  assert.deepEqual(
    Object.keys(changed(tunnelConfig.diff(before, { accountId: "acc", tunnelId: "t1", config: rules }))),
    [
      "config.ingresses[0].hostname",
      "config.ingresses[0].service",
      "config.ingresses[0].originRequest",
      "config.ingresses[1]",
    ],
  );
  await tunnelConfig.delete(before, call);
  assert.deepEqual(lines(), []);
});

test("a tunnel's token comes as a plain string", async (t) => {
  const { call, lines } = await fakeApi(t, { result: "eyJh" });
  assert.deepEqual(await tunnelToken.call({ accountId: "acc", tunnelId: "t1" }, call), {
    accountId: "acc",
    tunnelId: "t1",
    token: "eyJh",
  });
  assert.deepEqual(lines(), ["GET accounts/acc/cfd_tunnel/t1/token"]);
});
