import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test, type TestContext } from "node:test";
import { mintToken, tokenVerifier } from "../../../automation/api/auth/tokens.ts";
import { commandLine } from "../../../automation/cli/command-line.ts";
import { LiveSecrets } from "../../../automation/secrets/live-secrets.ts";
import { startTestApi, type TestApi } from "../api/fixture.ts";

const OLD = "o".repeat(40);

interface Server {
  api: TestApi;
  files: Record<"jwt" | "stripe", string>;
  cli(...args: string[]): Promise<{ out: string; error: string | undefined }>;
  write(name: string, text: string): string;
  secrets: LiveSecrets;
}

/** An API whose secrets come from files, and a command line on the same machine. */
async function server(t: TestContext): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), "odoosaas-rotate-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const files = { jwt: write("jwt", `${OLD}\n`), stripe: write("stripe", "whsec_old_0123456789abcdef\n") };
  const env = { JWT_SECRET_FILE: files.jwt, STRIPE_WEBHOOK_SECRET_FILE: files.stripe };
  const first = { JWT_SECRET: [OLD], STRIPE_WEBHOOK_SECRET: ["whsec_old_0123456789abcdef"] };
  const secrets = new LiveSecrets(first, { env, log: () => {}, lookEvery: 3_600_000 });
  t.after(() => secrets.close());
  const verify = tokenVerifier({
    get secrets() {
      return secrets.jwt;
    },
  });
  const api = await startTestApi(t, {
    verify,
    secrets: { state: () => secrets.state(), reload: async () => secrets.reload() },
  });
  return {
    api,
    files,
    write,
    secrets,
    async cli(...args) {
      const out = new PassThrough();
      const terminal = { env: { HOME: "/nonexistent", API_URL: api.url, ...env }, out, err: new PassThrough() };
      const error = await commandLine(terminal)
        .parseAsync(args, { from: "user" })
        .then(
          () => undefined,
          (reason: unknown) => (reason as Error).message,
        );
      return { out: String(out.read() ?? ""), error };
    },
  };
}

test("the JWT key is exchanged without a restart: both are good, until the old one is dropped", async (t) => {
  const { api, cli, files } = await server(t);
  chmodSync(files.jwt, 0o640);
  const old = await mintToken(OLD, { role: "admin", subject: "t", expires: "5m" });
  const status = async (token: string): Promise<number> => (await api.call("GET", "/api/queue", { token })).status;

  const begun = await cli("rotate", "jwt");
  assert.equal(begun.error, undefined);
  const [drawn = "", kept] = readFileSync(files.jwt, "utf8").trim().split(",");
  assert.match(drawn, /^[0-9a-f]{64}$/);
  assert.equal(kept, OLD);
  assert.equal(statSync(files.jwt).mode & 0o777, 0o640);
  assert.match(begun.out, /both are in use/);
  assert.ok(!begun.out.includes(drawn));
  const fresh = await mintToken(drawn, { role: "admin", subject: "t", expires: "5m" });
  assert.deepEqual([await status(old), await status(fresh)], [200, 200]);

  assert.match((await cli("rotate", "jwt")).error ?? "", /under way.*--finish/);
  assert.equal((await cli("rotate", "jwt", "--finish")).error, undefined);
  assert.deepEqual([await status(old), await status(fresh)], [401, 200]);
  const { rows } = await api.database.query(
    "select action, after::text from audit_log where action = 'secrets.reload'",
  );
  assert.equal(rows.length, 2);
  assert.ok(!JSON.stringify(rows).includes(drawn) && !JSON.stringify(rows).includes(OLD));
});

test("Stripe's new signing secret is taken from a file or standard input, and checked first", async (t) => {
  const { cli, files, write, secrets } = await server(t);
  const wrong = await cli("rotate", "stripe-webhook", "--from", write("wrong", "sk_live_0123456789abcdef"));
  assert.match(wrong.error ?? "", /must be whsec_.*Nothing was changed/);
  assert.ok(!wrong.error?.includes("sk_live_0123"));
  assert.equal(readFileSync(files.stripe, "utf8"), "whsec_old_0123456789abcdef\n");
  const from = write("new", "whsec_new_0123456789abcdef\n");
  assert.equal((await cli("rotate", "stripe-webhook", "--from", from)).error, undefined);
  assert.deepEqual(secrets.stripeWebhook, ["whsec_new_0123456789abcdef", "whsec_old_0123456789abcdef"]);
  assert.match((await cli("rotate", "stripe-webhook", "--from", from)).error ?? "", /under way/);
  assert.equal((await cli("rotate", "stripe-webhook", "--finish")).error, undefined);
  assert.deepEqual(secrets.stripeWebhook, ["whsec_new_0123456789abcdef"]);
  assert.match((await cli("rotate", "stripe-webhook", "--from", from)).error ?? "", /the present one/);
});

test("a server that reads another file is noticed", async (t) => {
  const { cli, write } = await server(t);
  const { error } = await cli(
    "rotate",
    "stripe-webhook",
    "--file",
    write("other", "whsec_other_0123456789abcdef"),
    "--from",
    write("new", "whsec_new_0123456789abcdef"),
  );
  assert.match(error ?? "", /the server uses .* instead of/);
});

test("one tenant or all are named, not both and not neither", async (t) => {
  const { cli, api } = await server(t);
  assert.match((await cli("rotate", "tunnel")).error ?? "", /Name one tenant, or say --all/);
  assert.match((await cli("rotate", "tunnel", "acme", "--all")).error ?? "", /Name one tenant, or say --all/);
  await api.tenants.request({ subdomain: "acme", planType: "shared", customerEmail: "a@example.com" }, { name: "t" });
  api.tenants.endWith = "succeeded";
  const { error, out } = await cli("rotate", "database", "acme");
  assert.equal(error, undefined);
  assert.match(out, /status +succeeded/);
  assert.deepEqual(api.tenants.rotations, [{ id: 1, secrets: ["database"] }]);
});
