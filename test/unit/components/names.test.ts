import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  connectorService,
  databaseName,
  hostname,
  ownershipMark,
  roleName,
  tunnelName,
} from "../../../components/tenant/names.ts";
import { RESERVED_SUBDOMAINS, Subdomain } from "../../../components/tenant/subdomain.ts";

const accepted = fc
  .stringMatching(/^[a-z0-9]([a-z0-9-]{1,30}[a-z0-9])$/)
  .filter((name) => Subdomain.safeParse(name).success);

test("every name derived from a subdomain fits the system it is for", () => {
  fc.assert(
    fc.property(accepted, (subdomain) => {
      assert.ok(Buffer.byteLength(roleName(subdomain)) <= 63);
      assert.ok(Buffer.byteLength(databaseName(subdomain)) <= 63);
      assert.ok(
        hostname(subdomain, "odoo.example.com")
          .split(".")
          .every((label) => label.length <= 63),
      );
      assert.ok(`${connectorService(subdomain)}.service`.length <= 255);
      assert.ok(ownershipMark("a-platform-of-20-char", subdomain).length <= 100);
    }),
  );
});

test("two subdomains never share a name in any system", () => {
  fc.assert(
    fc.property(accepted, accepted, (one, other) => {
      fc.pre(one !== other);
      for (const name of [roleName, databaseName, tunnelName, connectorService])
        assert.notEqual(name(one), name(other));
    }),
  );
});

const refused: Record<string, string> = {
  empty: "",
  "too short": "ab",
  "of 33 characters": "a".repeat(33),
  "of 64 characters": "a".repeat(64),
  "in upper case": "Acme",
  "with a leading dash": "-acme",
  "with a trailing dash": "acme-",
  "in unicode": "café",
  "in punycode": "xn--caf-dma",
  "with a dot": "a.b.c",
  "with SQL in it": `a";drop--`,
  "with a shell's characters": "a$(id)b",
  "with a space": "a b c",
  "with a newline": "acme\n",
  "with a null byte": "ac\0me",
};
for (const [what, name] of Object.entries(refused)) {
  test(`a subdomain ${what} is refused`, () => assert.equal(Subdomain.safeParse(name).success, false));
}

test("reserved names are refused", () => {
  for (const name of ["www", "admin", "api", "mail", "postgres", "template1", "prod"])
    assert.ok(RESERVED_SUBDOMAINS.has(name));
  for (const name of RESERVED_SUBDOMAINS) assert.equal(Subdomain.safeParse(name).success, false, name);
});

test("ordinary names are accepted", () => {
  for (const name of ["acme", "a1b", "my-shop-2", "x".repeat(32)])
    assert.equal(Subdomain.safeParse(name).success, true, name);
});
