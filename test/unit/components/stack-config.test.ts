import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { SettingsError } from "../../../components/field-error.ts";
import { PlatformSettings } from "../../../components/settings/platform-settings.ts";
import { readStackConfig } from "../../../components/settings/stack-config.ts";
import { examplePlatform, exampleTenant } from "../../components/example-platform.ts";

function asConfig(settings: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      `odoosaas:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

function problemsOf(config: Record<string, string>): readonly string[] {
  try {
    readStackConfig(config);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems;
  }
  return assert.fail("was accepted");
}

test("a platform's configuration comes back as it was set", () => {
  assert.deepEqual(readStackConfig(asConfig(examplePlatform())), { kind: "platform", settings: examplePlatform() });
});

test("a stack with a tenant in its configuration is that tenant's", () => {
  assert.deepEqual(readStackConfig(asConfig({ tenant: exampleTenant() })), {
    kind: "tenant",
    platformStack: "organization/odoosaas/prod",
    tenant: exampleTenant(),
  });
});

test("a stack with a tunnel in its configuration is that of a container's own tunnel", () => {
  const tunnel = JSON.stringify({ label: "shop", hostId: 105, port: 8080 });
  assert.deepEqual(readStackConfig({ "odoosaas:tunnel": tunnel }), {
    kind: "tunnel",
    platformStack: "organization/odoosaas/prod",
    tunnel: { label: "shop", hostId: 105, port: 8080, secretGeneration: 1 },
  });
  assert.throws(
    () => readStackConfig({ "odoosaas:tunnel": JSON.stringify({ label: "a.b" }) }),
    /odoosaas:tunnel\.port/,
  );
});

test("keys of other packages are none of our business", () => {
  assert.equal(readStackConfig({ ...asConfig(examplePlatform()), "cloudflare:apiToken": "x" }).kind, "platform");
});

test("every problem is told at once, with its key and the command that corrects it", () => {
  const config = { ...asConfig(examplePlatform()), "odoosaas:domain": "Not A Domain", "odoosaas:colour": "blue" };
  delete (config as Record<string, string>)["odoosaas:masterKey"];
  const problems = problemsOf(config);
  assert.equal(problems.length, 3);
  assert.ok(problems.some((problem) => problem.startsWith('odoosaas:domain: "Not A Domain": must be a host name')));
  assert.ok(
    problems.some((problem) => problem.endsWith("no such setting; remove it with: pulumi config rm 'odoosaas:colour'")),
  );
  assert.ok(
    problems.some((problem) => problem.includes("odoosaas:masterKey: is missing") && problem.includes("--secret")),
  );
});

test("without any configuration the way to a tenant's file is told, and what is no text is asked for in the file", () => {
  assert.throws(() => readStackConfig({}), /hosts: is missing; write it .*Pulumi\.prod\.yaml[^]*tenants config acme/);
  assert.throws(() => readStackConfig({}), /odoosaas:domain: is missing; set it with: pulumi config set/);
  assert.throws(
    () => readStackConfig({ "odoosaas:domain": "a.example" }),
    ({ message }: Error) => !message.includes("tenants config"),
  );
});

test("a nested problem names its path", () => {
  const platform = examplePlatform();
  const problems = problemsOf(asConfig({ ...platform, hosts: [{ ...platform.hosts[0], capacity: 0 }] }));
  assert.match(problems[0] ?? "", /^odoosaas:hosts\[0\]\.capacity: 0: .* --path 'odoosaas:hosts\[0\]\.capacity'$/);
});

test("a wrong secret is not repeated", () => {
  const problems = problemsOf(asConfig({ ...examplePlatform(), cloudflareApiToken: "short-but-secret" }));
  assert.equal(problems.length, 1);
  assert.doesNotMatch(problems[0] ?? "", /short-but-secret/);
});

test("two hosts with one number, and a template role that owns databases, are refused", () => {
  const [host] = examplePlatform().hosts;
  const problems = problemsOf(
    asConfig({ ...examplePlatform({ template: { role: "odoo_h105" } }), hosts: [host, host] }),
  );
  assert.ok(problems.some((problem) => problem.includes("hosts[1].id: 105 is used twice")));
  assert.ok(problems.some((problem) => problem.includes("template's role too")));
});

test("the first users' environment fills in what the configuration does not say", () => {
  const { domain: _, ...rest } = examplePlatform();
  const read = readStackConfig(asConfig(rest), { domain: "from.env.example", cloudflareApiToken: "never".repeat(10) });
  assert.equal(read.kind, "platform");
  assert.deepEqual(read, {
    kind: "platform",
    settings: PlatformSettings.parse({ ...rest, domain: "from.env.example" }),
  });
});

test("the committed production configuration lacks nothing but its secrets", () => {
  const file = parse(readFileSync(new URL("../../../Pulumi.prod.yaml", import.meta.url), "utf8")) as {
    config: Record<string, unknown>;
  };
  const config = Object.fromEntries(
    Object.entries(file.config).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
  const problems = problemsOf(config);
  assert.deepEqual(
    problems.map((problem) => problem.slice(0, problem.indexOf(": "))),
    ["odoosaas:masterKey", "odoosaas:cloudflareApiToken", "odoosaas:postgresPassword", "odoosaas:sshPrivateKey"],
  );
});
