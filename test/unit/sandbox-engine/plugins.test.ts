import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { engineEnvironment } from "../../../sandbox/engine/environment.ts";
import { providePlugins } from "../../../sandbox/engine/plugins.ts";
import { openInstance } from "../../../sandbox/instance.ts";
import { ownDirectory, setEnvironment } from "./world.ts";

const ENGINE = {
  command: "/opt/engine/pulumi",
  binDirectory: "/opt/engine",
  version: "3.259.0",
  origin: "build",
} as const;

async function world(t: TestContext) {
  const directory = ownDirectory(t);
  setEnvironment(t, {
    ODOO_TENANTS_STATE: join(directory, "state"),
    ODOO_TENANTS_CACHE: join(directory, "cache"),
    ODOO_TENANTS_PLUGINS: undefined,
  });
  const instance = await openInstance("test");
  return {
    instance,
    shared: join(directory, "cache", "pulumi-plugins"),
    plugins: join(instance.directory, "pulumi-home", "plugins"),
  };
}

test("with stand-ins the engine finds them in its home, and downloads nothing", async (t) => {
  const { instance, plugins } = await world(t);
  setEnvironment(t, { ODOO_TENANTS_PLUGINS: "stand-in" });
  assert.equal(await providePlugins(instance), "stand-in");
  assert.ok(readdirSync(plugins).some((name) => name.startsWith("resource-cloudflare-v")));
  assert.equal(engineEnvironment(instance, ENGINE)["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"], "true");
});

test("official plugins are fetched by the engine into a folder that instances share", async (t) => {
  const { instance, plugins, shared } = await world(t);
  setEnvironment(t, { ODOO_TENANTS_PLUGINS: "official" });
  assert.equal(await providePlugins(instance), "official");
  assert.ok(existsSync(plugins));
  assert.deepEqual(readdirSync(shared), []);
  assert.equal(engineEnvironment(instance, ENGINE)["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"], undefined);
});

test("an instance keeps what was decided, and stand-ins never get among shared downloads", async (t) => {
  const { instance, plugins, shared } = await world(t);
  for (const origin of ["stand-in", "official", "stand-in"] as const) {
    setEnvironment(t, { ODOO_TENANTS_PLUGINS: origin });
    await providePlugins(instance);
    setEnvironment(t, { ODOO_TENANTS_PLUGINS: undefined });
    assert.equal(await providePlugins(instance), origin);
    assert.equal(readdirSync(plugins).length > 0, origin === "stand-in");
  }
  assert.deepEqual(readdirSync(shared), []);
});

test("the engine's environment names no secret, and nothing of other platforms that the shell is set up for", async (t) => {
  const { instance } = await world(t);
  setEnvironment(t, {
    PULUMI_CONFIG_PASSPHRASE: "theirs",
    PGPASSWORD: "theirs",
    CLOUDFLARE_API_TOKEN: "theirs",
    STRIPE_API_KEY: "theirs",
  });
  const environment = engineEnvironment(instance, ENGINE);
  assert.match(environment["PULUMI_BACKEND_URL"] ?? "", /^postgres:\/\/pulumi@127\.0\.0\.1:\d+\/pulumi\?/);
  assert.match(environment["PATH"] ?? "", /^\/opt\/engine:/);
  assert.deepEqual(
    Object.keys(environment).filter((name) => environment[name] === "theirs"),
    [],
  );
});

test("an unknown kind of plugins is refused with the known ones", async (t) => {
  const { instance } = await world(t);
  setEnvironment(t, { ODOO_TENANTS_PLUGINS: "mock" });
  await assert.rejects(providePlugins(instance), /"mock": set it to official or stand-in/);
});
