import assert from "node:assert/strict";
import { test } from "node:test";
import { remark } from "../../../sandbox/plugins/framework/secrets.ts";
import {
  Archive,
  Asset,
  containsUnknown,
  equal,
  plain,
  Secret,
  UNKNOWN,
  type Properties,
} from "../../../sandbox/plugins/framework/value.ts";
import { decode, encode } from "../../../sandbox/plugins/framework/wire.ts";

test("every kind of value arrives as it was sent", () => {
  const properties: Properties = {
    nothing: null,
    flag: true,
    count: 3.5,
    text: "ünï",
    list: [1, "a", { inner: new Secret("s") }],
    object: { deep: { deeper: UNKNOWN } },
    secret: new Secret({ user: "root", key: new Secret("k") }),
    unknown: UNKNOWN,
    text_asset: new Asset({ text: "", hash: "h" }),
    file_asset: new Asset({ path: "/etc/hosts" }),
    folder: new Archive({ path: "/etc" }),
  };
  assert.deepEqual(decode(encode(properties)), properties);
});

test("what is undefined is not sent", () => {
  assert.deepEqual(decode(encode({ a: undefined } as unknown as Properties)), {});
});

test("secrets are stripped at any depth", () => {
  const value = new Secret({ list: [new Secret("x")], plain: 1 });
  assert.deepEqual(plain(value), { list: ["x"], plain: 1 });
});

test("null and absent are the same, an unknown is equal to nothing, a secret only to a secret", () => {
  assert.ok(equal({ a: null, b: 1 }, { b: 1 }));
  assert.ok(!equal(UNKNOWN, UNKNOWN));
  assert.ok(!equal(new Secret("x"), "x"));
  assert.ok(equal(new Secret("x"), new Secret("x")));
  assert.ok(containsUnknown({ a: [new Secret(UNKNOWN)] }));
});

test("assets are compared by their hash, since old state has no contents", () => {
  assert.ok(equal(new Asset({ text: "a", hash: "1" }), new Asset({ hash: "1" })));
  assert.ok(!equal(new Asset({ text: "a", hash: "1" }), new Asset({ hash: "2" })));
  assert.ok(!equal(new Asset({ text: "a" }), new Asset({ text: "b" })));
});

test("an output that mirrors a secret input is as secret as it, one that differs is secret as a whole", () => {
  const connection = new Secret({ host: "h", key: new Secret("k") });
  const inputs = { connection, stdin: new Secret("in"), name: "n", partly: { open: 1, closed: new Secret(2) } };
  const outputs = { connection: { host: "h", key: "k" }, stdin: "changed", name: "n", partly: { open: 9, closed: 8 } };
  assert.deepEqual(remark(outputs, [inputs], {}), {
    connection,
    stdin: new Secret("changed"),
    name: "n",
    partly: { open: 9, closed: new Secret(8) },
  });
});
