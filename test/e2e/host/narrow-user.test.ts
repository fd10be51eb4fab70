import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { commandInput, commandLine } from "../../../components/host/host-command.ts";
import { startWorld, type World } from "../world.ts";
import { hostileInputs, OTHER_SUDO, otherLines, PREPARED } from "./hostile.ts";
import { openings } from "./openings.ts";
import { connectSsh, type Ssh } from "./ssh.ts";

// The platform's account on a real host: what its key opens, what a shell of that account could do if somebody got one,
// and what its commands believe. The tests go in this order.
let world: World;
let account: Ssh;
const quiet = { suppressProgress: true } as const;
const acme = { subdomain: "acme", customDomains: ["shop.example.org"] };
const unit = { SERVICE: "cloudflared-acme-tunnel" };

before(async () => {
  world = await startWorld({ upTo: "platform" });
  account = await connectSsh(target());
  await (await world.stack(acme)).up(quiet);
  await world.host.ok("echo secret >/root/victim");
});
after(async () => {
  account?.end();
  await world?.close();
});

function target() {
  const [host] = world.platform.hosts;
  assert.ok(host);
  const { sshPrivateKey: privateKey } = world.platform;
  return { address: host.address, user: host.ssh.user, privateKey, hostKey: host.ssh.hostKey };
}

/** Files of root's, and when the services were started: all that a hostile try could change. */
async function traces(): Promise<string> {
  return await world.host.ok(
    `find /etc /usr/local /root /home /var/backups /var/spool /run/odoosaas -xdev -printf '%p %y %l %m %u %g %s %C@\\n' | sort
     systemctl show -p Id,ActiveState,InvocationID,MainPID ssh odoo pgbouncer cloudflared-acme-tunnel
     find /tmp /var/tmp /run/lock /dev/shm -name 'canary*'`,
  );
}

async function unchanged(tries: () => Promise<void>): Promise<void> {
  const earlier = await traces();
  await tries();
  assert.equal(await traces(), earlier);
}

const command = (name: string, verb: string, variables: Record<string, string>) =>
  account.run(commandLine(name, verb), commandInput(variables));

test("the account's commands work", async () => {
  const status = await command("connector-unit", "status", unit);
  assert.equal(status.code, 0, status.stderr);
  assert.match(status.stdout, /^ActiveState=active$/m);
  assert.match(status.stdout, /^Ready=.*"readyConnections":[1-9]/m);
  const logs = await command("connector-unit", "logs", { ...unit, LOG_LINES: "50" });
  assert.match(logs.stdout, /Registered tunnel connection/);
});

test("its key opens nothing else: no shell, no other command, no file transfer, no port, no terminal", async () => {
  const allowed = commandLine("connector-unit", "status");
  await unchanged(async () => {
    for (const line of otherLines(allowed)) {
      const { code, stdout, stderr } = await account.run(line, "touch /tmp/canary\n");
      assert.deepEqual([code, stdout], [126, ""], line);
      assert.match(stderr, /the commands of the platform and nothing else/);
    }
    assert.deepEqual(await openings(target()), []);
  });
});

test("a shell of this account would not do more by sudo either", async () => {
  const path = "/usr/local/lib/odoosaas/connector-unit";
  await unchanged(async () => {
    // With a shell that an attacker would have to have found first.
    const shell = async (script: string, input = "") =>
      await world.host.run(`runuser -u odoosaas -- bash -c '${script.replaceAll("'", `'\\''`)}'`, input);
    for (const words of OTHER_SUDO) {
      const { code, stdout } = await shell(`${PREPARED}/usr/bin/sudo -n ${words}`, commandInput(unit));
      assert.notEqual(code, 0, words);
      assert.equal(stdout, "", words);
    }
    const listed = await shell("sudo -n -l");
    assert.deepEqual(
      listed.stdout.match(/\(root : root\) NOPASSWD: .*|\(ALL.*/g)?.map((rule) => rule.slice(0, 24)),
      ["(root : root) NOPASSWD: "],
      listed.stdout,
    );
    const runs = await shell(`${PREPARED}/usr/bin/sudo -n ${path} status`, commandInput(unit));
    assert.match(runs.stdout, /^ActiveState=active$/m, runs.stderr);
  });
});

test("a shell of this account would read no secret and could write to nothing of the host's", async () => {
  const token = "/etc/cloudflared/acme-tunnel.token";
  for (const file of [
    "/root/victim",
    "/etc/odoo/odoo.conf",
    "/etc/pgbouncer/tenants.ini",
    token,
    "/etc/sudoers.d/odoosaas",
  ]) {
    assert.equal((await world.host.run(`test -f ${file} && runuser -u odoosaas -- cat ${file}`)).code, 1, file);
  }
  const commands = await world.host.ok("ls -l /usr/local/lib/odoosaas | awk 'NR > 1 { print $1, $3, $4, $9 }'");
  assert.deepEqual(commands.split("\n"), [
    "-rwx------ root root connector",
    "-rwx------ root root connector-unit",
    "-rwxr-xr-x root root door",
    "-rwx------ root root host-role",
    "-rwx------ root root odoo-database",
    "-rw-r--r-- root root suspended-page.py",
  ]);
  const writable = await world.host.ok(
    "runuser -u odoosaas -- find / /run /dev/shm -xdev \\( -path /proc -o -path /sys \\) -prune -o \\( -type f -o -type d \\) -writable -print 2>/dev/null | sort -u || true",
  );
  assert.deepEqual(
    writable.split("\n").filter((path) => !/^\/(tmp|var\/tmp|run\/lock|dev\/shm)(\/|$)/.test(path)),
    [],
    "besides the places that everybody may write to",
  );
});

test("a hostile value, another's variable or another unit is refused and changes nothing", async () => {
  const hostile = hostileInputs({ ...(await inputs()) });
  await unchanged(async () => {
    for (const { command: name, verb, input } of hostile) {
      const { code, stdout, stderr } = await account.run(commandLine(name, verb), input);
      assert.deepEqual([code, stdout], [64, ""], `${name} ${verb}: ${input}`);
      assert.match(stderr, /^odoosaas: .+\n$/);
    }
  });
  assert.ok(hostile.length > 150, String(hostile.length));
});

test("a database that is no tenant's is neither taken nor removed", async () => {
  const { "odoo-database": input } = await inputs();
  const databases =
    "select datname, datallowconn, datdba, datacl::text, shobj_description(oid, 'pg_database') as mark from pg_database order by 1";
  const earlier = await world.sql(databases);
  await unchanged(async () => {
    for (const subdomain of ["postgres", "template0", "template1", "pulumi", "odoosaas"]) {
      const up = await account.run(
        commandLine("odoo-database", "up"),
        input.replace(/^SUBDOMAIN=.*$/m, `SUBDOMAIN=${subdomain}`),
      );
      assert.notEqual(up.code, 0, subdomain);
      assert.match(up.stderr, /not this tenant's|not currently accepting connections|permission denied/);
    }
  });
  assert.deepEqual(await world.sql(databases), earlier);
});

test("links in the places that everybody may write to lead a command nowhere", async () => {
  const names = ["odoosaas-acme.lock", "odoosaas-pgbouncer.lock", "odoosaas-connectors.lock", "odoosaas-domains.lock"];
  await world.host.ok(
    `for n in ${names.join(" ")}; do runuser -u odoosaas -- ln -s /root/victim /run/lock/$n; runuser -u odoosaas -- ln -s /root/victim /tmp/$n; done`,
  );
  await (await world.stack({ ...acme, customDomains: [] })).up(quiet);
  assert.equal(await world.host.ok("cat /root/victim; stat -c %a%U /root/victim"), "secret\n644root");
  const filestore = "/var/lib/odoo/.local/share/Odoo/filestore";
  await world.host.ok(
    `install -d -m 0700 /root/victims/acme && echo kept >/root/victims/acme/file
     runuser -u odoo -- mkdir -p ${filestore}
     runuser -u odoo -- mv ${filestore} ${filestore}.kept && runuser -u odoo -- ln -s /root/victims ${filestore}`,
  );
  const down = await command("odoo-database", "down", { SUBDOMAIN: "acme" });
  assert.notEqual(down.code, 0, "another's files are neither backed up nor removed");
  assert.equal(
    await world.host.ok("cat /root/victims/acme/file; find /var/backups -name '*.tar.gz' -not -path '*.part/*'"),
    "kept",
  );
  await world.host.ok(`rm ${filestore} && mv ${filestore}.kept ${filestore}`);
  await (await world.stack(acme)).up(quiet);
});

test("commands of another release than the program say so, and what to do", async () => {
  const { connector } = await inputs();
  const { code, stderr } = await account.run(
    commandLine("connector", "up"),
    connector.replace(/^VERSION=.*$/m, "VERSION=0123456789ab"),
  );
  assert.equal(code, 64);
  assert.match(stderr, /of another release than the program .*pulumi up -s prod/);
});

test("the administrator's key is in no state, not even for who can decrypt it", async () => {
  const piece = world.sandbox.secrets.sshAdministrator.privateKey.split("\n")[2] ?? "";
  assert.ok(piece.length > 20);
  for (const stack of ["prod", "acme"]) {
    const state = await world.sandbox.pulumi(
      "stack",
      "export",
      "--show-secrets",
      "-s",
      `organization/odoosaas/${stack}`,
    );
    assert.ok(!state.includes(piece), stack);
    assert.ok(
      stack !== "acme" || state.includes(world.platform.sshPrivateKey.split("\n")[2] ?? "?"),
      "it would be seen",
    );
  }
});

test("an operator's script is installed by the platform's stack, on an account made anew, and only run by a tenant's", async () => {
  account.end();
  await world.host.ok("userdel odoosaas && ! id odoosaas 2>/dev/null");
  const script = "#!/bin/sh\ncat >/root/told\n";
  const prod = ["-s", "organization/odoosaas/prod", "--non-interactive"];
  await world.sandbox.pulumi("config", "set", "odoosaas:createTenantScript", script, ...prod);
  await world.sandbox.pulumi("up", "--yes", "--skip-preview", ...prod);
  assert.equal(await world.host.ok("getent passwd odoosaas | cut -d: -f6-7"), "/var/lib/odoosaas:/bin/sh");
  const stack = await world.stack(acme, { platform: { createTenantScript: script } });
  await stack.up(quiet);
  const told = JSON.parse(await world.host.ok("cat /root/told")) as Record<string, unknown>;
  assert.deepEqual([told["subdomain"], told["container_id"]], ["acme", 105]);
  await stack.destroy(quiet);
});

/** What acme's last update told its two commands: good values, of this release. */
async function inputs(): Promise<{ "odoo-database": string; connector: string }> {
  const text = await world.sandbox.pulumi("stack", "export", "--show-secrets", "-s", "organization/odoosaas/acme");
  const { deployment } = JSON.parse(text) as {
    deployment: { resources: { urn: string; inputs?: { stdin?: unknown } }[] };
  };
  const stdin = (name: string): string => {
    const found = deployment.resources.find(({ urn }) => urn.endsWith(`::${name}`))?.inputs?.stdin;
    const plain = typeof found === "string" ? found : (found as { plaintext?: string } | undefined)?.plaintext;
    assert.ok(plain !== undefined, `no input of ${name}`);
    return (plain.startsWith('"') ? JSON.parse(plain) : plain) as string;
  };
  return { "odoo-database": stdin("acme-odoo-script"), connector: stdin("acme-connector-script") };
}
