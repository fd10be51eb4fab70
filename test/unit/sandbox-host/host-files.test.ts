import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFiles, type HostIdentity } from "../../../sandbox/host/host-files.ts";

const host: HostIdentity = {
  hostname: "tenant-host-105",
  domain: "odoo.localhost",
  address: "10.214.0.105",
  prefix: 24,
  gateway: "10.214.0.1",
  authorizedKey: "ssh-ed25519 AAAA test",
  postgres: { host: "10.214.0.1", port: 5433, role: "odoo_h105", password: "secret" },
  masterPassword: "master",
  machineId: "0".repeat(32),
};

const withPassword = (password: string) => hostFiles({ ...host, postgres: { ...host.postgres, password } });
const content = (path: string, files = hostFiles(host)) => files.find((file) => file.path === path)?.content ?? "";

test("no file that holds a secret is readable by everybody", () => {
  for (const file of withPassword("canary-1")) {
    const secret = ["canary-1", host.masterPassword].some((each) => file.content.includes(each));
    if (secret) assert.equal((file.mode ?? 0o644) & 0o007, 0, file.path);
  }
});

test("a password with quotes is written as each program reads it", () => {
  const files = withPassword(`it's "quoted"`);
  assert.match(content("/etc/odoo/odoo.conf", files), /^db_password = it's "quoted"$/m);
  assert.match(content("/etc/pgbouncer/pgbouncer.ini", files), / password='it''s "quoted"'$/m);
  assert.equal(content("/etc/pgbouncer/userlist.txt", files), `"odoo_h105" "it's ""quoted"""\n`);
});

test("a password that these files cannot hold is refused without being shown", () => {
  for (const password of ["two\nlines", " padded", "null\0"]) {
    assert.throws(
      () => withPassword(password),
      (error: Error) => {
        assert.match(error.message, /postgres\.password/);
        assert(!error.message.includes(password));
        return true;
      },
    );
  }
});

test("tenants' mappings are included inside the list of databases, and are not written over", () => {
  const sections = content("/etc/pgbouncer/pgbouncer.ini").split(/^\[(\w+)\]$/m);
  assert.match(sections[sections.indexOf("databases") + 1] ?? "", /^%include \/etc\/pgbouncer\/tenants\.ini$/m);
  assert.equal(hostFiles(host).find((file) => file.path === "/etc/pgbouncer/tenants.ini")?.once, true);
});

test("the network's file sorts before the one that systemd brings", () => {
  const file = hostFiles(host).find((each) => each.path.endsWith(".network"));
  assert(file && file.path < "/etc/systemd/network/80-container-host0.network");
  assert.match(file.content, /^Address=10\.214\.0\.105\/24$/m);
});
