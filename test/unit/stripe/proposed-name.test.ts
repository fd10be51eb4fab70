import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { proposals, slug } from "../../../automation/stripe/proposed-name.ts";
import { Subdomain } from "../../../components/tenant/subdomain.ts";

test("a company's name becomes a host name that its owner recognises", () => {
  assert.equal(slug("Acme"), "acme");
  assert.equal(slug("Café Müller & Söhne"), "cafe-muller-and-sohne");
  assert.equal(slug("O'Neil Ltd."), "oneil-ltd");
  assert.equal(slug("  Łódź—Straße  "), "lodz-strasse");
  assert.equal(slug("İstanbul A.Ş."), "istanbul-as");
  assert.equal(slug("株式会社"), undefined);
  assert.equal(slug("IT"), undefined);
  assert.equal(slug("Admin"), undefined);
});

test("a long name is cut at 32 characters, without a dash at its end", () => {
  assert.equal(slug("Worldwide Holding Company for Everything"), "worldwide-holding-company-for-ev");
  assert.equal(slug("Abcdefghijklmnopqrstuvwxyzabcde & Partners"), "abcdefghijklmnopqrstuvwxyzabcde");
});

test("the next names are numbered, and there is one in any case", () => {
  const names = [...proposals(["Acme"], "sub_1")];
  assert.deepEqual(names.slice(0, 3), ["acme", "acme-2", "acme-3"]);
  assert.equal(names.length, 101);
  assert.match(names.at(-1) ?? "", /^tenant-[0-9a-f]{8}$/);
  assert.deepEqual([...proposals([null, undefined, "株式会社"], "sub_1")].length, 1);
  assert.equal([...proposals([undefined, "Anna Ek"], "sub_1")][0], "anna-ek");
});

test("property: every proposal is a valid subdomain, and none comes twice", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.string(), (name, subscription) => {
      const names = [...proposals([name], subscription)];
      for (const proposed of names) assert.ok(Subdomain.safeParse(proposed).success, proposed);
      assert.equal(new Set(names).size, names.length);
    }),
    { numRuns: 300 },
  );
});
