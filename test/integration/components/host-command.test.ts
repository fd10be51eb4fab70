import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { commandInput, hostCommand } from "../../../components/host/host-command.ts";
import { connectorVariables } from "../../../components/tenant/connector.ts";
import { odooDatabaseVariables } from "../../../components/tenant/odoo-database.ts";
import { operatorScriptCommands } from "../../../components/tenant/operator-script.ts";
import { derivePassword, deriveSecret } from "../../../components/tenant/secrets.ts";
import { examplePlatform } from "../../components/example-platform.ts";

const directory = mkdtempSync(join(tmpdir(), "odoosaas-command-"));
after(() => rmSync(directory, { recursive: true, force: true }));

/** A command that prints what it took. */
function probe(how: "exactly" | "some", names: readonly string[]): string {
  const prints = names.map((name) => `printf '%s\\n' "$${name}"`).join("\n");
  return commandOf(`take ${how} ${names.join(" ")}\n${prints}\n`);
}

function commandOf(script: string): string {
  const file = join(directory, "probe.sh");
  writeFileSync(file, script);
  return hostCommand("probe", ["up"], pathToFileURL(file), {}).text;
}

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** In an empty directory, which must be empty afterwards: nothing of the input may be run. */
function run(text: string, input: string | Buffer): Ran {
  const cwd = mkdtempSync(join(directory, "cwd-"));
  const { status, stdout, stderr } = spawnSync("bash", ["-c", text, "command", "up"], { cwd, input, encoding: "utf8" });
  assert.deepEqual(readdirSync(cwd), [], "something of the input was run");
  return { code: status, stdout, stderr };
}

const tenant = {
  ...odooDatabaseVariables({
    subdomain: "acme-2",
    port: 8069,
    rolePassword: derivePassword("k".repeat(32), "acme-2", "postgres-role"),
    modules: ["base", "web", "sale_management"],
    admin: { login: "o'brien+odoo@acme.example", password: "p", salt: deriveSecret("k", "a", "odoo-admin-salt") },
    baseUrl: "http://acme-2.odoo.localhost:8080",
    customDomains: ["shop.example.org", "www.example.org"],
    companyName: 'Söhne & "Co" $(touch x) `touch x`; touch x',
    language: "fr_FR",
    country: "FR",
    suspended: false,
  }),
  ...connectorVariables("acme-2", "eyJhIjoiMDEyMzQ1Njc4OSIsInQiOiJ0Iiwicy9zIn0="),
  SERVICE: "cloudflared-acme-2-tunnel",
  PLAN: "business",
  LOG_LINES: "50",
  CURSOR: "s=8f3a;i=2b;b=01;m=1;t=2;x=ff",
};

test("what the program sends is taken as it is, odd names included", () => {
  const names = Object.keys(tenant);
  const { code, stdout, stderr } = run(probe("exactly", names), commandInput(tenant));
  assert.equal(code, 0, stderr);
  assert.deepEqual(stdout.split("\n").slice(0, -1), Object.values(tenant));
});

const ANYWHERE = [
  "$(touch x)",
  "`touch x`",
  "; touch x",
  "'; touch x; '",
  '"; touch x; "',
  "| touch x",
  "a[$(touch x)]",
  "x -o ProxyCommand=touch",
  "../../etc/passwd",
  "/etc/shadow",
  "\\..\\..",
  "a\tb",
  "a\r",
  "*",
  "-rf",
  "%n%s",
];
/** Free text, for which all but control characters is in order. */
const TEXT = new Set(["COMPANY_NAME"]);
/** What is hostile for one variable only. */
const PARTICULAR: Record<string, readonly string[]> = {
  VERSION: ["", "0123456789AB", "0123456789abc"],
  SUBDOMAIN: ["", "a".repeat(33), "Acme", "acme.evil", "-acme", "acme-", "acme_x", "ácme", "acme ini"],
  TUNNEL: ["", "acme", "../acme-tunnel", "acme-tunnel.token", "acme-tunnel ", "-tunnel"],
  SERVICE: ["", "ssh", "odoo", "cloudflared-a-tunnel.service", "cloudflared-*-tunnel", "cloudflared-a-tunnel ssh"],
  TOKEN: ["", "short", `${"t".repeat(30)} x`, `${"t".repeat(30)}\\n`],
  ROLE_PASSWORD: ["", "short", `${"p".repeat(20)}' host=evil`],
  SUSPENDED: ["no", "1", "yes "],
  MODULES: ["base,", ",base", "base web", "base;web", "Base"],
  ADMIN_LOGIN: ["", "a b@c"],
  ADMIN_PASSWORD_HASH: ["", "plain", "$pbkdf2-sha512$1$a$b'", "$pbkdf2-sha256$25000$a$b"],
  BASE_URL: ["", "file:///etc/passwd", "http://a/../..?x", "http://a b", "ftp://a", "http://user@a"],
  CUSTOM_DOMAINS: ["shop", "shop.example.org ", "shop.example.org  b.c", "*.example.org", ".org"],
  COMPANY_NAME: ["a\u0007b", "a\u001b[2J", "x".repeat(16_400)],
  LANGUAGE: ["fr_fr", "../fr", "french_FR"],
  COUNTRY: ["fr", "FRA"],
  ODOO_PORT: ["", "80690000", "80 69", "0x50"],
  PLAN: ["", "Business", "a b"],
  LOG_LINES: ["", "all", "-1", "100000"],
  CURSOR: ["s=8f3a;", "s=8f3a --file=/etc/shadow", "x"],
};

for (const [name, particular] of Object.entries(PARTICULAR)) {
  test(`a hostile ${name} is refused, is not told and runs nothing`, () => {
    const anywhere = TEXT.has(name) ? ANYWHERE.filter((value) => /[\t\r]/.test(value)) : ANYWHERE;
    const hostile = [...anywhere, ...particular];
    // All by one bash, each in a process of its own.
    const each = `while IFS= read -r -d '' input; do (take exactly ${name} <<<"$input" 2>&1; printf taken) || :; done`;
    const { stdout, stderr } = run(commandOf(each), hostile.map((value) => `${name}=${value}\0`).join(""));
    const answers = stdout.split("\n").slice(0, -1);
    const refusal = `odoosaas: the value of ${name} is not allowed`;
    for (const [index, value] of hostile.entries()) assert.equal(answers[index], refusal, JSON.stringify(value));
    assert.deepEqual([answers.length, stderr], [hostile.length, ""]);
  });
}

test("a line that is no variable, another variable, one twice, one missing and a cut input are refused", () => {
  const text = probe("exactly", ["SUBDOMAIN", "PLAN"]);
  const good = "SUBDOMAIN=acme\nPLAN=starter\n";
  assert.equal(run(text, good).code, 0);
  const bad: Record<string, RegExp> = {
    "": /SUBDOMAIN is missing/,
    "SUBDOMAIN=acme\n": /PLAN is missing/,
    [`${good}PLAN=starter\n`]: /PLAN came twice/,
    [`${good}PATH=/tmp\n`]: /no variable PATH here/,
    [`${good}BASH_ENV=/tmp/x\n`]: /no variable BASH_ENV/,
    [`${good}LD_PRELOAD=/tmp/x.so\n`]: /no variable LD_PRELOAD/,
    [`${good}touch x\n`]: /no NAME=value/,
    [`${good}\n`]: /no NAME=value/,
    [`${good}a[$(touch x)]=1\n`]: /no NAME=value/,
    [`${good}wanted[$(touch x)]=1\n`]: /no NAME=value/,
    "SUBDOMAIN=acme\nPLAN=starter": /ends within a line/,
    "#!/bin/bash\ntouch x\n": /no NAME=value/,
  };
  for (const [input, says] of Object.entries(bad)) {
    const { code, stdout, stderr } = run(text, input);
    assert.deepEqual([code, stdout], [64, ""], input);
    assert.match(stderr, says);
  }
});

test("another release's command says so and what to do; a deletion is done by whichever is there", () => {
  const text = probe("exactly", ["VERSION", "SUBDOMAIN"]);
  const version = /^readonly COMMAND_VERSION=(.*)$/m.exec(text)?.[1] ?? "";
  assert.equal(run(text, `VERSION=${version}\nSUBDOMAIN=acme\n`).code, 0);
  const other = run(text, "VERSION=0123456789ab\nSUBDOMAIN=acme\n");
  assert.equal(other.code, 64);
  assert.match(other.stderr, /of another release than the program .*pulumi up -s prod/);
  const earlier = "VERSION=0123456789ab\nDATABASE=acme\nSUBDOMAIN=acme\nGONE=1\n";
  assert.equal(run(probe("some", ["SUBDOMAIN"]), earlier).stdout, "acme\n");
});

test("a command's version follows its text and what is fixed in it, and nothing else", () => {
  const script = pathToFileURL(join(directory, "versioned.sh"));
  const version = (text: string, fixed: Record<string, string>) => {
    writeFileSync(script, text);
    return hostCommand("probe", ["up"], script, fixed).version;
  };
  const first = version("true\n", { EDGE: "" });
  assert.equal(version("true\n", { EDGE: "" }), first);
  assert.notEqual(version("true\n", { EDGE: "10.0.0.1:7844" }), first);
  assert.notEqual(version("false\n", { EDGE: "" }), first);
});

test("a line end in a value is refused before anything is sent, and a company's name loses it", () => {
  assert.throws(() => commandInput({ COMPANY_NAME: "a\nTOKEN=b" }), /COMPANY_NAME has a line end/);
  const { COMPANY_NAME } = odooDatabaseVariables({
    subdomain: "acme",
    port: 8069,
    rolePassword: "p".repeat(20),
    modules: [],
    admin: { login: "a@b.example", password: "p", salt: Buffer.alloc(16) },
    baseUrl: "https://acme.example.com",
    customDomains: [],
    companyName: "Acme\r\nand\tSons",
    suspended: false,
  });
  assert.equal(COMPANY_NAME, "Acme and Sons");
});

test("an operator's script reads the tenant as JSON, whatever the company is called", () => {
  const installed = join(directory, "create-tenant");
  writeFileSync(installed, "#!/bin/sh\ncat\n", { mode: 0o755 });
  const [host] = examplePlatform().hosts;
  assert.ok(host);
  const [, command] = operatorScriptCommands(host, "#!/bin/sh\ncat\n");
  const text = command.text.replace(/^readonly SCRIPT='.*'$/m, `readonly SCRIPT='${installed}'`);
  const variables = {
    VERSION: command.version,
    SUBDOMAIN: "acme",
    PLAN: "starter",
    BASE_URL: "https://acme.odoo.example.com",
    ODOO_PORT: "08069",
    ADMIN_LOGIN: "owner@acme.example",
    COMPANY_NAME: `Sö\\hne "& Co" $(touch x)`,
    LANGUAGE: "",
    COUNTRY: "FR",
  };
  const { stdout, stderr } = run(text, commandInput(variables));
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), {
    subdomain: "acme",
    database: "acme",
    url: "https://acme.odoo.example.com",
    plan: "starter",
    container_id: 105,
    local_port: 8069,
    admin_email: "owner@acme.example",
    company_name: variables.COMPANY_NAME,
    country: "FR",
  });
});
