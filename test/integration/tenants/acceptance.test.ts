import assert from "node:assert/strict";
import { test } from "node:test";
import { BY, useWorld } from "./world.ts";

const world = useWorld();

test("whoever is told of an operation in its transaction may undo it, and what led to it", async () => {
  const { tenants, tenant } = world();
  const { id } = await tenant();
  const told: number[] = [];
  const { operation } = await tenants.retry(id, BY, { accepted: async (_tx, given) => void told.push(given) });
  assert.deepEqual(told, [operation?.id]);
  const before = await tenants.get(id);
  const refuse = async (): Promise<void> => {
    throw new Error("too late");
  };
  await assert.rejects(tenants.changeWish(id, { wanted: "suspended" }, BY, { accepted: refuse }), /too late/);
  assert.deepEqual(await tenants.get(id), before);
  assert.equal((await tenants.operations(id)).items[0]?.id, operation?.id);
});
