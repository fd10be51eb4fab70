import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf } from "../../../automation/audit/chain.ts";
import { canonicalJson } from "../../../automation/audit/canonical-json.ts";
import { listAudit } from "../../../automation/audit/list.ts";
import { recordAudit } from "../../../automation/audit/record.ts";
import { verifyAudit } from "../../../automation/audit/verify.ts";
import { attempt } from "../../../automation/stripe/savepoint.ts";
import { openDatabase } from "../../database.ts";

const db = await openDatabase();

const record = (action: string, details: { before?: unknown; after?: unknown } = {}): Promise<void> =>
  db.transaction((tx) =>
    recordAudit(tx, { actor: "user:me", action, subjectType: "tenant", subjectId: "1", ...details }),
  );

/** What only somebody with the database's own powers can do. */
const tamper = (statement: string): Promise<unknown> =>
  db.transaction(async (tx) => {
    await tx.query("alter table audit_log disable trigger user");
    await tx.query(statement);
    await tx.query("alter table audit_log enable trigger user");
  });

test("the same value is the same text whatever the order of its keys", () => {
  assert.equal(canonicalJson({ b: [1, { d: 1, c: 2 }], a: "é" }), canonicalJson({ a: "é", b: [1, { c: 2, d: 1 }] }));
  assert.equal(canonicalJson({ at: new Date(0), gone: undefined }), '{"at":"1970-01-01T00:00:00.000Z"}');
  assert.notEqual(canonicalJson({ a: "1" }), canonicalJson({ a: 1 }));
});

test("the log shows whether a line was changed, removed or cut off", async (t) => {
  await t.test("an empty log is valid", async () => {
    assert.deepEqual(await verifyAudit(db), { valid: true, lines: 0, head: undefined, firstBroken: undefined });
  });

  await t.test("lines written at the same time make one unbroken chain", async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        record(`tenant.change${n}`, { before: { z: n, a: [1.5, "ü", null] }, after: [n] }),
      ),
    );
    const verdict = await verifyAudit(db);
    assert.equal(verdict.firstBroken, undefined);
    assert.equal(verdict.lines, 20);
    assert.deepEqual(
      (await listAudit(db, { limit: 3 })).map((line) => line.id),
      [20, 19, 18],
    );
    assert.deepEqual(
      (await listAudit(db, { before: 3 })).map((line) => line.id),
      [2, 1],
    );
  });

  await t.test("a change that is rolled back leaves no line and no gap", async () => {
    await assert.rejects(
      db.transaction(async (tx) => {
        await recordAudit(tx, { actor: "a", action: "x", subjectType: "tenant", subjectId: "1" });
        throw new Error("no");
      }),
    );
    await record("tenant.retry");
    assert.equal((await listAudit(db, { limit: 1 }))[0]?.id, 21);
  });

  await t.test("nor does one that is taken back within its transaction", async () => {
    await db.transaction(async (tx) => {
      const line = { actor: "a", subjectType: "tenant", subjectId: "1" } as const;
      const taken = await attempt(tx, async () => {
        await recordAudit(tx, { ...line, action: "tried" });
        throw new Error("no");
      });
      assert.equal(taken.failed, true);
      await recordAudit(tx, { ...line, action: "done" });
    });
    assert.deepEqual(
      (await listAudit(db, { limit: 2 })).map(({ id, action }) => [id, action]),
      [
        [22, "done"],
        [21, "tenant.retry"],
      ],
    );
  });

  await t.test("the database refuses to change, remove or empty it", async () => {
    for (const statement of ["update audit_log set actor = 'b'", "delete from audit_log", "truncate audit_log"]) {
      await assert.rejects(db.query(statement), /append-only/);
    }
  });

  await t.test("the noted end proves that nothing was cut off", async () => {
    const { head } = await verifyAudit(db);
    assert(head !== undefined);
    assert.equal((await verifyAudit(db, head)).valid, true);
    assert.deepEqual((await verifyAudit(db, { id: head.id + 1, hash: head.hash })).firstBroken, {
      id: head.id + 1,
      problem: "is missing from the end",
    });
    assert.equal((await verifyAudit(db, { id: head.id, hash: "00" })).firstBroken?.id, head.id);
  });

  await t.test("a forger who computes a line's hash anew has to forge all that follow", async () => {
    const { rows } = await db.query<{ previous_hash: Buffer; hash: Buffer; next: Buffer }>(
      "select a.previous_hash, a.hash, b.hash as next from audit_log a join audit_log b on b.id = a.id + 1 where a.id = 20",
    );
    const [line] = await listAudit(db, { before: 21, limit: 1 });
    assert(line !== undefined && rows[0] !== undefined);
    const forged = hashOf({ ...line, actor: "nobody" }, rows[0].previous_hash);
    const write = async (actor: string, hash: Buffer): Promise<void> => {
      await tamper(`update audit_log set actor = '${actor}', hash = '\\x${hash.toString("hex")}' where id = 20`);
      await tamper(`update audit_log set previous_hash = '\\x${hash.toString("hex")}' where id = 21`);
    };
    await write("nobody", forged);
    assert.deepEqual((await verifyAudit(db)).firstBroken, { id: 21, problem: "was changed" });
    await write(line.actor, rows[0].hash);
    assert.equal((await verifyAudit(db)).valid, true);
  });

  await t.test("a changed line is found, and it is the first one", async () => {
    await tamper(`update audit_log set after = '[99]' where id in (7, 12)`);
    assert.deepEqual((await verifyAudit(db)).firstBroken, { id: 7, problem: "was changed" });
  });

  await t.test("a changed line with a corrected hash breaks the next one", async () => {
    await tamper(`update audit_log set hash = sha256('x') where id = 3`);
    assert.deepEqual((await verifyAudit(db)).firstBroken, { id: 3, problem: "was changed" });
    await tamper(`update audit_log set previous_hash = sha256('x') where id = 2`);
    assert.deepEqual((await verifyAudit(db)).firstBroken, { id: 2, problem: "does not follow the line before it" });
  });

  await t.test("a missing line is found", async () => {
    await tamper("delete from audit_log where id = 1");
    assert.deepEqual((await verifyAudit(db)).firstBroken, { id: 1, problem: "is missing" });
  });
});
