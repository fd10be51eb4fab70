import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { shellQuote } from "../../../components/host/shell-quote.ts";
import { odooPasswordHash } from "../../../components/tenant/password-hash.ts";
import { derivePassword, deriveSecret, deriveTunnelSecret } from "../../../components/tenant/secrets.ts";

const KEY = "a master key of more than thirty-two characters";

test("a derived secret is the same every time", () => {
  assert.equal(derivePassword(KEY, "acme", "postgres-role"), derivePassword(KEY, "acme", "postgres-role"));
});

test("another tenant, purpose, generation or key gives another secret", () => {
  const secrets = [
    derivePassword(KEY, "acme", "postgres-role"),
    derivePassword(KEY, "acme", "odoo-admin"),
    derivePassword(KEY, "acme", "postgres-role", 2),
    derivePassword(KEY, "beta", "postgres-role"),
    derivePassword(`${KEY}.`, "acme", "postgres-role"),
  ];
  assert.equal(new Set(secrets).size, secrets.length);
});

test("a password needs no quoting anywhere, and a tunnel's secret is 32 bytes of base64", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 3, maxLength: 32 }), (subdomain) => {
      assert.match(derivePassword(KEY, subdomain, "odoo-admin"), /^[A-Za-z0-9_-]{43}$/);
      assert.equal(Buffer.from(deriveTunnelSecret(KEY, subdomain), "base64").length, 32);
    }),
  );
});

test("the password hash has passlib's form and verifies", () => {
  const salt = deriveSecret(KEY, "acme", "odoo-admin-salt").subarray(0, 16);
  const hash = odooPasswordHash("correct horse", salt);
  const [, scheme, rounds, storedSalt, digest] = hash.split("$");
  assert.deepEqual([scheme, rounds], ["pbkdf2-sha512", "25000"]);
  const decode = (text = ""): Buffer => Buffer.from(text.replaceAll(".", "+"), "base64");
  assert.deepEqual(decode(storedSalt), salt);
  assert.deepEqual(decode(digest), pbkdf2Sync("correct horse", salt, 25_000, 64, "sha512"));
  assert.doesNotMatch(hash, /[+=]/);
});

test("a quoted word reaches a shell as it was", () => {
  const nasty = ["it's", '"; rm -rf /; "', "$(id)", "`id`", "line\nbreak", "\\", "", "ünï", "-n"];
  const script = nasty.map((word) => `printf '%s\\0' ${shellQuote(word)}\n`).join("");
  const { stdout } = spawnSync("sh", [], { input: script, encoding: "utf8" });
  assert.deepEqual(stdout.split("\0").slice(0, -1), nasty);
});
