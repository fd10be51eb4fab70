import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { findInstance, moveInstance, openInstance, routesTo10_214 } from "../../../sandbox/instance.ts";
import { machineName } from "../../../sandbox/lifecycle/host.ts";
import { instanceSecrets } from "../../../sandbox/lifecycle/secrets.ts";
import { ownDirectory, setEnvironment } from "../sandbox-engine/world.ts";

function world(t: TestContext): string {
  const directory = ownDirectory(t);
  setEnvironment(t, { ODOO_TENANTS_STATE: join(directory, "state"), ODOO_TENANTS_CACHE: join(directory, "cache") });
  return directory;
}

test("the default instance has well-known ports, and keeps those that were chosen", async (t) => {
  world(t);
  assert.equal(findInstance(), undefined);
  const first = await openInstance();
  assert.deepEqual(first.ports, {
    api: 4443,
    edge: 8080,
    cloudflare: 8081,
    stripe: 8082,
    postgres: 5433,
    tunnelEdge: 7844,
  });
  assert.equal((await openInstance(undefined, { edge: 9080 })).ports.edge, 9080);
  assert.equal((await openInstance()).ports.edge, 9080);
  assert.deepEqual(findInstance(), await openInstance());
});

test("instances made at once get networks and ports of their own", async (t) => {
  world(t);
  const instances = await Promise.all(["one", "two", "three"].map((name) => openInstance(name)));
  assert.equal(new Set(instances.map((instance) => instance.network.bridge)).size, 3);
  assert.equal(
    new Set(instances.flatMap(({ ports }) => Object.entries(ports).map(([, port]) => port as number))).size,
    18,
  );
  for (const { network } of instances) {
    assert.match(network.gateway, /^10\.214\.\d+\.1$/);
    assert.equal(network.hostAddress, network.gateway.replace(/\.1$/, ".105"));
    assert.ok(network.bridge.length <= 15, "a link's name has 15 characters at most");
  }
});

test("no two instances get the same port, though none of them listens yet", async (t) => {
  world(t);
  // So many that two would almost certainly be offered the same one by the kernel.
  const ports: number[] = [];
  for (let n = 0; n < 80; n += 1) ports.push(...(Object.values((await openInstance(`i${n}`)).ports) as number[]));
  assert.equal(new Set(ports).size, ports.length);
});

test("an instance keeps its network and ports", async (t) => {
  world(t);
  const made = await openInstance("test-1a2b");
  assert.deepEqual(await openInstance("test-1a2b"), made);
});

test("a name that could lead elsewhere is refused", async (t) => {
  world(t);
  for (const name of ["", "../x", "A", "1a", "x".repeat(32), "a b"]) {
    await assert.rejects(openInstance(name), /use 1-31 of a-z, 0-9 and -/, name);
  }
});

test("secrets are drawn once, each instance has its own, and only the owner can read them", async (t) => {
  world(t);
  const [one, other] = [await openInstance("one"), await openInstance("other")];
  const secrets = instanceSecrets(one);
  assert.deepEqual(instanceSecrets(one), secrets);
  const values = (from: unknown): unknown[] =>
    typeof from === "object" && from !== null ? Object.values(from).flatMap(values) : [from];
  const all = [...values(secrets), ...values(instanceSecrets(other))];
  assert.equal(new Set(all).size, all.length);
  assert.equal(statSync(one.directory).mode & 0o077, 0);
  for (const file of ["secrets.json", "passphrase", "pgpass", "instance.json"]) {
    assert.equal(statSync(join(one.directory, file)).mode & 0o777, 0o600, file);
  }
  assert.match(secrets.cloudflare.apiToken, /^[0-9A-Za-z_-]{40,80}$/, "the form that the official provider demands");
  assert.match(secrets.ssh.privateKey, /^-----BEGIN OPENSSH PRIVATE KEY-----/);
  assert.match(secrets.ssh.publicKey, /^ssh-ed25519 /);
});

test("an instance that moves keeps its ports and gets a network that is nobody's", async (t) => {
  world(t);
  const [one, other] = [await openInstance("one"), await openInstance("other")];
  const moved = await moveInstance("one");
  assert.deepEqual(moved.ports, one.ports);
  assert.equal(new Set([one, other, moved].map(({ network }) => network.bridge)).size, 3);
  assert.deepEqual(findInstance("one"), moved);
});

test("networks are read from the kernel's routes", () => {
  assert.deepEqual(
    routesTo10_214(["00000000", "0000D60A", "000AD60A", "00FFD60A", "000200C0", "0000D70A", ""]),
    [0, 10, 255],
  );
});

test("two instances of one name, in two state directories, have hosts of two names", async (t) => {
  world(t);
  const one = await openInstance("one");
  const names = ["/var/lib/odoo-tenants/one", "/srv/a/one", "/srv/b/one"].map((directory) =>
    machineName({ ...one, directory }),
  );
  assert.equal(names[0], "one-105");
  assert.equal(new Set(names).size, 3);
  for (const name of names) assert.match(name, /^one-([0-9a-f]{6}-)?105$/);
});
