import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readStackConfig } from "../../../components/settings/stack-config.ts";
import type { Instance } from "../../../sandbox/instance.ts";
import { platformSettings, splitSecrets } from "../../../sandbox/lifecycle/platform-settings.ts";
import { diagnosticsOf } from "../../../sandbox/lifecycle/platform-stack.ts";
import { prepareProject, stackFileText } from "../../../sandbox/lifecycle/project.ts";
import { tenantOf } from "../../../sandbox/lifecycle/pulumi.ts";
import { instanceSecrets } from "../../../sandbox/lifecycle/secrets.ts";
import { ownDirectory } from "../sandbox-engine/world.ts";

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHostKey";

function instance(directory: string): Instance {
  return {
    name: "test",
    directory,
    cache: join(directory, "cache"),
    network: { bridge: "odt7", gateway: "10.214.7.1", hostAddress: "10.214.7.105", prefix: 24 },
    ports: { api: 1, edge: 2, cloudflare: 3, stripe: 4, postgres: 5, tunnelEdge: 6 },
    domain: "odoo.localhost",
  };
}

test("the sandbox's settings are a platform's configuration like any other", (t) => {
  const made = instance(ownDirectory(t));
  const settings = platformSettings(made, instanceSecrets(made), HOST_KEY);
  const { plain, secret } = splitSecrets(settings);
  const asPulumiTells = Object.entries({ ...plain, ...secret }).map(([key, value]): [string, string] => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  assert.deepEqual(readStackConfig(Object.fromEntries(asPulumiTells)), { kind: "platform", settings });
  assert.equal(settings.publicUrl.replace("{host}", "acme.odoo.localhost"), "http://acme.odoo.localhost:2");
  assert.equal(settings.postgres.superuser, false);
});

test("a platform's secrets are kept apart from what its file shows", (t) => {
  const made = instance(ownDirectory(t));
  const secrets = instanceSecrets(made);
  const { plain, secret } = splitSecrets(platformSettings(made, secrets, HOST_KEY));
  const shown = JSON.stringify(plain);
  assert.deepEqual(Object.keys(secret).toSorted(), [
    "odoosaas:cloudflareApiToken",
    "odoosaas:masterKey",
    "odoosaas:postgresPassword",
    "odoosaas:sshPrivateKey",
  ]);
  for (const value of Object.values(secret)) assert.ok(!shown.includes(value));
});

test("the instance's project runs the checkout's program, and has stack files of its own", (t) => {
  const directory = prepareProject(instance(ownDirectory(t)));
  const project = readFileSync(join(directory, "Pulumi.yaml"), "utf8");
  assert.match(project, /^name: odoosaas$/m);
  assert.match(project, /^main: program\/index\.ts$/m);
  assert.ok(existsSync(join(directory, "program/index.ts")));
  assert.equal(existsSync(join(directory, "Pulumi.prod.yaml")), false);
});

test("a stack's file is rewritten without losing the key to its secrets", () => {
  const before = "encryptionsalt: v1:abc=:v1:def:ghi==\nconfig:\n  odoosaas:old: 1\n";
  const values = { "odoosaas:domain": "odoo.localhost", "odoosaas:hosts": [{ id: 105, note: 'a: "b" #c' }] };
  assert.equal(
    stackFileText(before, values),
    'encryptionsalt: v1:abc=:v1:def:ghi==\nconfig:\n  odoosaas:domain: "odoo.localhost"\n  odoosaas:hosts: [{"id":105,"note":"a: \\"b\\" #c"}]\n',
  );
  assert.equal(stackFileText("", { "odoosaas:a": 1 }), "config:\n  odoosaas:a: 1\n");
});

test("the tenant is found in the engine's arguments, however they name its stack", () => {
  for (const args of [
    ["preview", "-s", "acme"],
    ["up", "--stack=organization/odoosaas/acme"],
    ["--stack", "acme", "up"],
    ["up", "-s=acme"],
    ["up", "-sacme"],
  ]) {
    assert.equal(tenantOf(args), "acme", args.join(" "));
  }
  for (const args of [
    ["preview", "-s", "prod"],
    ["whoami"],
    ["up", "-s"],
    ["up", "--stack=organization/odoosaas/prod"],
  ]) {
    assert.equal(tenantOf(args), undefined, args.join(" "));
  }
});

test("of a failed update's output, what went wrong is shown", () => {
  const output =
    "Updating (prod):\n +  a creating\nDiagnostics:\n  host:\n    error: no route to host\n\nResources:\n    1 errored\n";
  assert.equal(diagnosticsOf(output), "  host:\n    error: no route to host");
  assert.equal(diagnosticsOf("Diagnostics:\n  host:\n    error: at the end\n"), "  host:\n    error: at the end");
  assert.equal(diagnosticsOf("error: no stack named 'prod' found\n"), "error: no stack named 'prod' found");
});
