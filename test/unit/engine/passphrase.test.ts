import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { opens, otherKey } from "../../../automation/engine/passphrase.ts";

// Written by the CLI (v3.259.0) for a stack with the passphrase "old1234567890123456".
const SALT = "v1:xyIeTg5EulA=:v1:/Oyu3m2/NHwCn+ZG:oKEsNVYd2sot/XAKEJC9CTgmfDWWbQ==";

test("a stack's salt tells which passphrase is its own", async () => {
  assert.equal(await opens("old1234567890123456", SALT), true);
  assert.equal(await opens("new1234567890123456", SALT), false);
  await assert.rejects(opens("old1234567890123456", "v2:abc"), /a form that is not known/);
});

function passphraseIn(t: TestContext): { file: string; write(name: string): string } {
  const directory = mkdtempSync(join(tmpdir(), "odoosaas-passphrase-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const write = (name: string): string => {
    writeFileSync(join(directory, name), "a passphrase\n", { mode: 0o600 });
    return join(directory, name);
  };
  return { file: write("passphrase"), write };
}

test("a refused passphrase is followed by the one that comes, also beside a linked file", (t) => {
  const { file, write } = passphraseIn(t);
  const secrets = { provider: "passphrase", salt: SALT } as const;
  const key = { env: { PULUMI_CONFIG_PASSPHRASE_FILE: file }, secrets };
  const next = write("passphrase.next");
  const other = otherKey(key);
  assert.deepEqual(other, { env: { PULUMI_CONFIG_PASSPHRASE_FILE: next }, secrets: { provider: "passphrase" } });
  assert.equal(other && otherKey(other), undefined);
  const link = `${file}-link`;
  symlinkSync(file, link);
  assert.deepEqual(otherKey({ env: { PULUMI_CONFIG_PASSPHRASE_FILE: link }, secrets }), other);
});

test("without one that comes it is the salt that may be another's; nothing else is tried", (t) => {
  const { file } = passphraseIn(t);
  const env = { PULUMI_CONFIG_PASSPHRASE_FILE: file };
  const bare = { env, secrets: { provider: "passphrase" } } as const;
  assert.deepEqual(otherKey({ env, secrets: { provider: "passphrase", salt: SALT } }), bare);
  assert.equal(otherKey(bare), undefined);
  assert.equal(otherKey({ env: { PULUMI_CONFIG_PASSPHRASE: "given" }, secrets: bare.secrets }), undefined);
  assert.equal(otherKey({ env, secrets: { provider: "cloud", url: "awskms://k", encryptedKey: "e" } }), undefined);
});
