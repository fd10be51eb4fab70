import assert from "node:assert/strict";
import { test } from "node:test";
import { preview } from "../../../automation/tenants/preview.ts";
import { TUNNELS } from "../../../automation/tunnels/tunnel-target.ts";
import { EngineFailure } from "../../../automation/engine/engine.ts";
import { BY, failOnce, leftLock, noResult, PLATFORM } from "../tenants/world.ts";
import { actions, refused, run, tunnel, world } from "./tunnel-world.ts";

test("one tunnel's token is drawn anew, the others' are not", async () => {
  const { tunnels, db, engine, clouds } = world();
  const [one, other] = [await tunnel(), await tunnel()];
  await run(one.id);
  await run(other.id);
  const name = `${one.label}-tunnel`;
  const { tunnel: due, operation } = await tunnels.rotate(name, BY);
  assert.deepEqual([due.settings.secretGeneration?.tunnel, operation.kind], [2, "update"]);
  engine.during = async () => {
    engine.during = async () => {};
    clouds.connected.add("with the new token");
  };
  assert.equal((await run(one.id)).kind, "done");
  assert.deepEqual(await run(other.id), { kind: "nothing", because: "converged" });
  const { rows } = await db.query<{ before: Record<string, unknown>; after: Record<string, unknown> }>(
    "select before, after from audit_log where action = 'tunnel.rotate' and subject_id = $1",
    [name],
  );
  assert.deepEqual(
    rows.map(({ before, after }) => [before["secretGeneration"], after["secretGeneration"]]),
    [[1, 2]],
  );
});

test("a lock that stays is broken once an operator vouches for it", async () => {
  const { tunnels, engine } = world();
  const { id, label } = await tunnel();
  const name = `${label}-tunnel`;
  const locked = new EngineFailure("locked", leftLock("operators-laptop", new Date(Date.now() - 1_000)), noResult);
  await failOnce(engine, locked);
  assert.equal((await run(id)).kind, "failed");
  assert.equal((await tunnels.get(name))?.stateReason, "lock-held");
  assert.ok(!engine.calls.includes(`unlock tunnel.${label}`));
  const { operation } = await tunnels.retry(name, BY, { unlock: true });
  assert.equal(operation.kind, "provision");
  await failOnce(engine, locked);
  assert.equal((await run(id)).kind, "done");
  assert.ok(engine.calls.includes(`unlock tunnel.${label}`));
  const done = await actions(label);
  assert.deepEqual(done.slice(-3), ["tunnel.unlock", "tunnel.unlock", "tunnel.active"], "the wish, and the deed");
});

test("a preview is computed with the tunnel's own settings, and changes nothing", async () => {
  const { tunnels, worker, db, engine } = world();
  const { id, label, generation } = await tunnel();
  const { id: operationId } = await tunnels.preview(`${label}-tunnel`, BY);
  await preview(operationId, worker("here:1:a"), TUNNELS);
  const { rows } = await db.query(
    "select kind, status, changes from operations where standalone_tunnel_id = $1 order by id",
    [id],
  );
  assert.deepEqual(rows, [
    { kind: "provision", status: "queued", changes: null },
    { kind: "preview", status: "succeeded", changes: { create: 1 } },
  ]);
  const [previewed] = engine.previews;
  assert.deepEqual(
    [previewed?.stack, previewed?.program[1]],
    [`organization/odoosaas/tunnel.${label}`, { label, hostId: 105, port: 8080, secretGeneration: 1 }],
  );
  const now = await tunnels.get(`${label}-tunnel`);
  assert.deepEqual([now?.state, now?.generation], ["pending", generation]);
});

test("a deletion asked for again is the same; what is asked for while it runs ends with it", async () => {
  const { tunnels, engine, db } = world();
  const { id, label } = await tunnel();
  const name = `${label}-tunnel`;
  await run(id);
  const first = await tunnels.remove(name, BY);
  const second = await tunnels.remove(name, BY);
  assert.deepEqual([second.operation.id, second.tunnel.generation], [first.operation.id, first.tunnel.generation]);
  await assert.rejects(tunnels.rotate(name, BY), refused("TunnelIsDeleted", "id"));
  engine.during = async () => {
    engine.during = async () => {};
    assert.equal((await tunnels.remove(name, BY)).operation.id, first.operation.id);
    await tunnels.retry(name, BY);
  };
  assert.deepEqual(await run(id), { kind: "done", again: false });
  const { rows } = await db.query<{ kind: string; status: string }>(
    "select kind, status from operations where standalone_tunnel_id = $1 order by id",
    [id],
  );
  assert.deepEqual(
    rows.map(({ kind, status }) => `${kind} ${status}`),
    ["provision succeeded", "delete succeeded", "delete succeeded"],
  );
  await assert.rejects(tunnels.remove(name, BY), refused("UnknownTunnel", "id"));
});

test("a deletion that has failed is tried again when it is asked for again", async () => {
  const { tunnels, clouds } = world();
  const { id, label } = await tunnel();
  const name = `${label}-tunnel`;
  await run(id);
  const first = await tunnels.remove(name, BY);
  const away = new Error("away");
  const look = clouds.lookForTunnel.bind(clouds);
  clouds.lookForTunnel = async () => {
    throw away;
  };
  assert.equal((await run(id)).kind, "failed");
  clouds.lookForTunnel = look;
  assert.notEqual((await tunnels.remove(name, BY)).operation.id, first.operation.id);
  assert.equal((await run(id)).kind, "done");
});

test("a foreign DNS record under the name stalls the tunnel with the record's name, and is left alone", async () => {
  const { tunnels, clouds, engine } = world();
  const { id, label } = await tunnel();
  clouds.found.set(`tunnel.${label}`, { record: { id: "r-foreign", ours: false, is: "A 192.0.2.1" } });
  assert.deepEqual(await run(id), { kind: "failed", retryInMs: null });
  const seen = await tunnels.get(`${label}-tunnel`);
  assert.deepEqual([seen?.state, seen?.stateReason], ["stalled", "name-taken"]);
  assert.match(seen?.stateDetail ?? "", new RegExp(`${label}.${PLATFORM.domain} .*192\\.0\\.2\\.1`));
  assert.ok(!engine.calls.includes(`up tunnel.${label}`));
});

test("a change based on what a tunnel no longer is, is refused", async () => {
  const { tunnels } = world();
  const { label, generation } = await tunnel();
  const name = `${label}-tunnel`;
  await tunnels.retry(name, BY, { expectedGeneration: generation });
  for (const change of [tunnels.retry, tunnels.rotate, tunnels.remove])
    await assert.rejects(
      change.call(tunnels, name, BY, { expectedGeneration: generation }),
      refused("StaleGeneration", "generation"),
    );
});
