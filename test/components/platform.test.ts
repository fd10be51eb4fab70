import assert from "node:assert/strict";
import { before, test } from "node:test";
import { newSshKeyPair } from "../../components/host/ssh-key-pair.ts";
import { publicKeyLine } from "../../components/host/public-key-line.ts";
import { platformProgram } from "../../components/program.ts";
import { examplePlatform } from "./example-platform.ts";
import { graphOf, type Registered } from "./program-graph.ts";

const keys = newSshKeyPair("test");
const platform = examplePlatform({ sshPrivateKey: keys.privateKey, createTenantScript: "#!/bin/sh\necho made\n" });
let graph: Map<string, Registered>;

before(async () => {
  graph = await graphOf(platformProgram(platform));
});

function commands(): Registered[] {
  return [...graph.values()].filter((each) => each.type === "command:remote:Command");
}

function installed(name: string): string {
  const stdin = String(graph.get("platform-commands-105-script")?.inputs["stdin"]);
  const text = new RegExp(`^export ${name}='((?:[^']|'\\\\'')*)'$`, "m").exec(stdin)?.[1];
  assert.ok(text !== undefined, `${name} is not installed`);
  return text.replaceAll("'\\''", "'");
}

test("hosts are set up as their administrator, whose key is in no input", () => {
  assert.deepEqual(
    commands().map((each) => each.name),
    ["platform-commands-105-script", "platform-host-105-script", "platform-template-script"],
  );
  for (const each of commands()) {
    const connection = each.inputs["connection"] as Record<string, unknown>;
    assert.deepEqual([connection["user"], connection["hostKey"]], ["root", platform.hosts[0]?.ssh.hostKey]);
    for (const key of ["privateKey", "password", "agentSocketPath"]) assert.ok(!(key in connection), key);
    assert.ok(each.secrets.includes("stdin"));
  }
});

test("sudo allows the platform's account each command with one word, and the key's door lets the same through", () => {
  const allowed = [
    "odoo-database up",
    "odoo-database down",
    "connector up",
    "connector down",
    "connector-unit status",
    "connector-unit restart",
    "connector-unit logs",
    "connector-unit follow",
    "host-role rotate",
    "operator-script up",
    "operator-script down",
  ].map((line) => `/usr/local/lib/odoosaas/${line}`);
  const rules = installed("SUDOERS")
    .split("\n")
    .filter((line) => line.startsWith("odoosaas "));
  assert.deepEqual(rules, [`odoosaas ALL=(root:root) NOPASSWD: ${allowed.join(", ")}`]);
  assert.doesNotMatch(installed("SUDOERS"), /\*|SETENV|\bALL$/m);
  const doors = [...installed("DOOR").matchAll(/^ {2}'sudo -n (.*)'\) exec sudo -n (.*) ;;$/gm)];
  assert.deepEqual(
    doors.map(([, asked]) => asked),
    allowed,
  );
  for (const [, asked, run] of doors) assert.equal(run, asked);
});

test("what a caller could turn against a host is fixed there", () => {
  const text = installed("TEXT_odoo_database");
  for (const line of ["POSTGRES_HOST='10.0.0.5'", "ODOO_CONFIG='/etc/odoo/odoo.conf'", "ROLE_PREFIX='tenant_'"])
    assert.ok(text.includes(`readonly ${line}\n`), line);
  assert.ok(installed("TEXT_connector").includes("readonly CLOUDFLARED='/usr/local/bin/cloudflared'\n"));
  assert.equal(installed("TEXT_create_tenant"), "#!/bin/sh\necho made\n");
});

test("a host is told the public half of the platform's key only", () => {
  assert.equal(`ssh-ed25519 ${keys.publicKey.split(" ")[1]} odoosaas`, installed("AUTHORIZED_KEYS"));
  const piece = keys.privateKey.split("\n")[2] ?? "";
  assert.ok(piece.length > 20);
  for (const each of graph.values()) assert.ok(!JSON.stringify(each.inputs).includes(piece), each.name);
});

test("a key that cannot be read is refused without being shown", () => {
  const broken = "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY\n-----END OPENSSH PRIVATE KEY-----\n";
  for (const text of [broken, keys.publicKey]) {
    assert.throws(
      () => publicKeyLine(text),
      (error: Error) => /sshPrivateKey/.test(error.message) && !error.message.includes("CANARY"),
    );
  }
});
