import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newSshKeyPair } from "../../../components/host/ssh-key-pair.ts";
import { HostNotReady, startHost } from "../../../sandbox/host/host.ts";
import { run } from "../../../sandbox/run.ts";
import { until } from "../../until.ts";
import { connectSsh } from "./ssh.ts";
import { makeHostWorld, type HostWorld } from "./world.ts";

test("a tenant host starts, keeps its data and identity over a restart, and leaves nothing when it stops", async (t) => {
  const world = await makeHostWorld(t);
  const { options } = world;
  const first = await world.start();

  await t.test("only the expected host key and the authorised key are accepted", async () => {
    const target = { address: first.address, hostKey: first.sshHostKey, privateKey: world.privateKey };
    const other = newSshKeyPair("test");
    await assert.rejects(connectSsh({ ...target, hostKey: other.publicKey }), /Host denied/);
    await assert.rejects(connectSsh({ ...target, privateKey: other.privateKey }), /authentication methods failed/);
    await assert.rejects(world.ssh(first, "odoosaas"), /authentication methods failed/, "the platform lets itself in");
  });

  await t.test("only what tenants need runs, and nothing has failed", async () => {
    const ssh = await world.ssh(first);
    await until(
      "the start to be over",
      async () => (await ssh.run("systemctl is-system-running")).stdout.trim(),
      (state) => state === "running",
    );
    const services = await ssh.ok(
      "systemctl list-units --type=service --state=running --plain --no-legend | cut -d' ' -f1 | sort",
    );
    const expected = ["dbus", "odoo", "pgbouncer", "ssh", "systemd-journald", "systemd-networkd"];
    assert.deepEqual(
      services.split("\n"),
      expected.map((name) => `${name}.service`),
    );
    const timers = await ssh.ok("systemctl list-units --type=timer --plain --no-legend | cut -d' ' -f1");
    assert.equal(timers, "systemd-tmpfiles-clean.timer");
    // Odoo and PgBouncer believe whoever reaches them.
    const open = await ssh.ok("awk '$4 == \"0A\" { print $2 }' /proc/net/tcp | grep -v ^0100007F");
    assert.deepEqual(open.split("\n"), ["00000000:0016"]);
    assert.equal(await ssh.ok("hostname --fqdn"), "tenant-host-105.odoo.localhost");
    assert.match(await ssh.ok("systemctl show --property=Environment"), new RegExp(`TUNNEL_EDGE=${options.edge}`));
  });

  const written =
    "cat /root/note /etc/machine-id; grep admin_passwd /etc/odoo/odoo.conf; cat /etc/pgbouncer/tenants.ini";
  const ssh = await world.ssh(first);
  await ssh.ok("echo kept >/root/note; echo '; a mapping' >/etc/pgbouncer/tenants.ini");
  const before = await ssh.ok(written);
  await first.stop();
  await t.test("nothing is left of a stopped host", async () => assert.deepEqual(await remains(world), []));
  await first.stop();

  const second = await world.start();
  assert.equal(second.sshHostKey, first.sshHostKey);
  const again = await world.ssh(second);
  assert.equal(await again.ok(written), before);
  assert.match(
    await again.ok("journalctl --list-boots --no-pager"),
    /^ *-1 .*\n *0 /,
    "the journal goes back to the first start",
  );

  await t.test("what a killed host left does not keep it from starting again", async () => {
    const { pid } = JSON.parse(readFileSync(join(options.directory, "process.json"), "utf8")) as { pid: number };
    process.kill(pid, "SIGKILL");
    const third = await world.start();
    assert.equal(third.sshHostKey, first.sshHostKey);
    await third.stop();
    assert.deepEqual(await remains(world), []);
  });

  await t.test("a host that does not come up in time says why, and is not left running", async () => {
    await assert.rejects(startHost({ ...options, readyWithinMs: 100 }), (error) => {
      assert(error instanceof HostNotReady);
      assert.match(error.message, /did not answer within 0.1 s/);
      assert.match(error.message, /systemd\[1\]: /, "the journal's last lines are shown");
      return true;
    });
    assert.deepEqual(await remains(world), []);
    await assert.rejects(startHost({ ...options, bridge: "odtnone" }), /the bridge odtnone does not exist/);
    assert.deepEqual(await remains(world), []);
  });
});

/** Processes, mounts, links and cgroups of the world's host. */
async function remains({ options: { machine, directory } }: HostWorld): Promise<string[]> {
  const processes = await run("pgrep", ["--full", "--list-full", `--machine=${machine}`]).catch(() => "");
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(directory));
  const links = (await run("ip", ["-oneline", "link"])).split("\n").filter((line) => line.includes(`vb-${machine}`));
  const cgroups = ["systemd", "unified", "."]
    .map((each) => `/sys/fs/cgroup/${each}/odoo-tenants-${machine}`)
    .filter((each) => existsSync(each));
  const files = [join(directory, "process.json"), `/run/systemd/nspawn/propagate/${machine}`].filter((file) =>
    existsSync(file),
  );
  return [...processes.split("\n").filter(Boolean), ...mounts, ...links, ...cgroups, ...files];
}
