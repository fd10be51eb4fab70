import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { LiveSecrets } from "../../../automation/secrets/live-secrets.ts";
import { secretId } from "../../../automation/secrets/secret-id.ts";
import { until } from "../../until.ts";

const [OLD, NEW] = ["o".repeat(32), "n".repeat(32)];

function secretFile(t: TestContext, text: string): { file: string; replace(text: string): void } {
  const directory = mkdtempSync(join(tmpdir(), "odoosaas-secrets-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "jwt");
  writeFileSync(file, text);
  const replace = (next: string): void => {
    writeFileSync(`${file}.new`, next);
    renameSync(`${file}.new`, file);
  };
  return { file, replace };
}

function live(
  t: TestContext,
  env: Record<string, string>,
  lookEvery = 3_600_000,
): { secrets: LiveSecrets; log: string[] } {
  const log: string[] = [];
  const first = { JWT_SECRET: [OLD], STRIPE_WEBHOOK_SECRET: ["whsec_1"] };
  const secrets = new LiveSecrets(first, { env, log: (line) => log.push(line), lookEvery });
  t.after(() => secrets.close());
  return { secrets, log };
}

test("a list in a file is read again when told, and named in the log by its ids only", (t) => {
  const { file, replace } = secretFile(t, OLD);
  const { secrets, log } = live(t, { JWT_SECRET_FILE: file });
  replace(`${NEW}, ${OLD}\n`);
  assert.deepEqual(secrets.jwt, [OLD]);
  secrets.reload();
  assert.deepEqual(secrets.jwt, [NEW, OLD]);
  assert.deepEqual(log, [`JWT_SECRET: 2 in use (${secretId(NEW)}, ${secretId(OLD)})`]);
  secrets.reload();
  assert.equal(log.length, 1, "nothing changed, so nothing is told");
});

test("a changed file is noticed by itself", async (t) => {
  const { file, replace } = secretFile(t, OLD);
  const { secrets } = live(t, { JWT_SECRET_FILE: file }, 20);
  replace(NEW);
  await until(
    "the new secret",
    async () => secrets.jwt,
    ([first]) => first === NEW,
    5_000,
  );
});

test("a list that is no good, or gone, leaves the present one in use", (t) => {
  const { file, replace } = secretFile(t, OLD);
  const { secrets, log } = live(t, { JWT_SECRET_FILE: file });
  const short = "too-short-canary";
  replace(short);
  secrets.reload();
  rmSync(file);
  secrets.reload();
  assert.deepEqual(secrets.jwt, [OLD]);
  assert.equal(log.length, 2);
  assert.ok(log.every((line) => !line.includes(short) && !line.includes(OLD)));
});

test("a secret of the environment itself stays, and is said to be so", (t) => {
  const { file } = secretFile(t, NEW);
  const { secrets } = live(t, { JWT_SECRET: OLD, JWT_SECRET_FILE: file });
  secrets.reload();
  assert.deepEqual(secrets.jwt, [OLD]);
  assert.deepEqual(secrets.state(), [
    { name: "JWT_SECRET", ids: [secretId(OLD)], reloadable: false },
    { name: "STRIPE_WEBHOOK_SECRET", ids: [secretId("whsec_1")], reloadable: false },
  ]);
});
