import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SettingsError } from "../../../components/field-error.ts";
import { defaultParallelism, readSettings } from "../../../automation/settings.ts";

const ENV = {
  DATABASE_URL: "postgres://u:p@db/odoosaas",
  PULUMI_BACKEND_URL: "postgres://db/pulumi",
  PULUMI_HOME: "/var/lib/pulumi",
  JWT_SECRET: "0123456789abcdef0123456789abcdef",
  STRIPE_API_KEY: "sk_test_1",
  STRIPE_WEBHOOK_SECRET: "whsec_1",
  STRIPE_PRICES: '{"price_1":"starter"}',
};

test("everything that is missing or wrong is told at once, each with its name", () => {
  assert.throws(
    () =>
      readSettings({
        ...ENV,
        DATABASE_URL: "mysql://x",
        PULUMI_BACKEND_URL: undefined,
        JWT_SECRET: "short",
        STRIPE_PRICES: undefined,
        PROBE_SECONDS: "0",
      }),
    (error) =>
      error instanceof SettingsError &&
      ["DATABASE_URL", "PULUMI_BACKEND_URL", "JWT_SECRET", "STRIPE_PRICES", "PROBE_SECONDS"].every((name) =>
        error.problems.some((problem) => problem.startsWith(`${name}:`)),
      ),
  );
});

test("a wrong value is shown, unless it may be a secret", () => {
  const wrong = {
    ROLE: "master",
    PORT: "99999",
    SWEEP_SECONDS: "soon",
    JWT_SECRET: "short",
    DATABASE_URL: "my-secret",
  };
  assert.throws(
    () => readSettings({ ...ENV, ...wrong }),
    ({ message }: Error) =>
      /ROLE: "master": .*"worker"/.test(message) &&
      /PORT: "99999": /.test(message) &&
      /SWEEP_SECONDS: "soon": /.test(message) &&
      !/"short"|my-secret/.test(message),
  );
});

test("defaults are for one machine; the platform's stack gets its full name", () => {
  const settings = readSettings(ENV);
  assert.equal(settings.role, "all");
  assert.equal(settings.platformStack, "organization/odoosaas/prod");
  assert.equal(settings.engine.command, "pulumi");
  assert.deepEqual(settings.engine.keepProviders, ["cloudflare", "command", "postgresql"]);
  assert.equal(
    readSettings({ ...ENV, PLATFORM_STACK: "organization/odoosaas/eu" }).platformStack,
    "organization/odoosaas/eu",
  );
});

test("a worker needs no secret of the API's", () => {
  const { JWT_SECRET: _jwt, ...rest } = ENV;
  assert.equal(readSettings({ ...rest, ROLE: "worker" }).api, undefined);
  assert.throws(() => readSettings(rest), /JWT_SECRET/);
});

test("a secret may come as a file; one that cannot be read is told", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "odoosaas-settings-"));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "url"), "postgres://u:from-file@db/odoosaas\n");
  const { DATABASE_URL: _url, ...rest } = ENV;
  assert.equal(
    readSettings({ ...rest, DATABASE_URL_FILE: join(directory, "url") }).databaseUrl,
    "postgres://u:from-file@db/odoosaas",
  );
  assert.throws(
    () => readSettings({ ...rest, DATABASE_URL_FILE: join(directory, "none") }),
    /DATABASE_URL_FILE: cannot be read/,
  );
});

test("updates at once: as many as processors, fewer where memory is short", () => {
  const GiB = 2 ** 30;
  assert.equal(defaultParallelism(2, 16 * GiB, 0), 2);
  assert.equal(defaultParallelism(8, 2 * GiB, 0), 4);
  assert.equal(defaultParallelism(8, 0, 0), 1);
  assert.equal(defaultParallelism(8, 16 * GiB, 2 * GiB), 4, "as the container may have");
  assert.equal(defaultParallelism(8, 2 * GiB, Number(2n ** 64n)), 4, "what Node says where there is no limit");
});
