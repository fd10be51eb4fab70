import assert from "node:assert/strict";
import { test } from "node:test";
import ssh2 from "ssh2";
import { newSshKeyPair } from "../../../components/host/ssh-key-pair.ts";

test("a pair that cannot be read is drawn again", () => {
  const { generateKeyPairSync, parseKey } = ssh2.utils;
  const draw = (() => generateKeyPairSync("ed25519")) as typeof generateKeyPairSync;
  const short = Array.from({ length: 10_000 }, draw).find((pair) => parseKey(pair.private) instanceof Error);
  if (short === undefined)
    assert.fail("ssh2 draws keys that all can be read: newSshKeyPair need not look at them any more");
  const good = draw("ed25519");
  const draws = [short, short, good];
  const pair = newSshKeyPair("test", (() => draws.shift()) as typeof generateKeyPairSync);
  assert.deepEqual(pair, { privateKey: good.private, publicKey: good.public });
});
