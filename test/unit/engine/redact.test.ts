import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { redactor } from "../../../automation/engine/redact.ts";

test("a secret is hidden wherever and however often it stands", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 6, maxLength: 80 }), fc.string(), fc.string(), (secret, before, after) => {
      fc.pre(!"[secret]".includes(secret) && secret.trim() !== "");
      assert.ok(!redactor([secret])(`${before}${secret}${after}${secret}`).includes(secret));
    }),
  );
});

test("a secret is hidden in the encodings that it travels in, and a private key line by line", () => {
  const password = 'p/w+"q"=&x';
  const key = `-----BEGIN OPENSSH PRIVATE KEY-----\n${"A".repeat(64)}\n${"B".repeat(64)}\n-----END OPENSSH PRIVATE KEY-----\n`;
  const redact = redactor([password, key]);
  for (const shape of [
    JSON.stringify({ password }),
    encodeURIComponent(password),
    Buffer.from(password).toString("base64"),
    `line ${"B".repeat(64)}`,
  ]) {
    assert.match(redact(`before ${shape} after`), /\[secret\]/);
  }
  assert.ok(!redact(JSON.stringify({ key })).includes("AAAA"));
});

test("a longer secret is not given away by a shorter one inside it", () => {
  assert.equal(redactor(["secret", "secret-and-more"])("x secret-and-more y"), "x [secret] y");
});

test("what is too short to be a secret is not blotted out", () => {
  assert.equal(redactor(["on", ""])("on and on"), "on and on");
});

test("a secret within the base64 of something longer is hidden, wherever it stands there", () => {
  const secret = "s3cret-of-32-characters_0123456789";
  const hide = redactor([secret]);
  for (const before of ["", "a", "ab", "abc", '{"a":"0f","t":"1","s":"'])
    for (const after of ["", "x", "xy", '"}']) {
      for (const encoding of ["base64", "base64url"] as const) {
        const text = Buffer.from(before + secret + after).toString(encoding);
        const shown = Buffer.from(hide(text).replace(/\[secret\].*/, ""), "base64").toString();
        assert.ok(hide(text).includes("[secret]"), `${before}|${after}`);
        assert.ok(!shown.includes(secret.slice(0, 3)), shown);
      }
    }
});
