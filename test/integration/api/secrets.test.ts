import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestApi } from "./fixture.ts";

/** Secrets that are exchanged by the next reload. */
function exchanged(): {
  state(): { name: string; ids: string[]; reloadable: boolean }[];
  reload(): Promise<void>;
  jwt: string[];
  reloads: number;
} {
  return {
    jwt: [],
    reloads: 0,
    state() {
      return [{ name: "JWT_SECRET", ids: this.reloads === 0 ? ["old"] : ["new", "old"], reloadable: true }];
    },
    async reload() {
      this.reloads += 1;
    },
  };
}

const LINES = `
  select actor, action, before->'JWT_SECRET' as before, after->'JWT_SECRET' as after from audit_log order by id`;

test("who has secrets read again is on record, and what came of it", async (t) => {
  const api = await startTestApi(t, { secrets: exchanged() });
  assert.equal((await api.call("POST", "/api/secrets/reload")).status, 200);
  assert.deepEqual((await api.database.query(LINES)).rows, [
    { actor: "user:tester", action: "secrets.reload", before: ["old"], after: null },
    { actor: "user:tester", action: "secrets.reloaded", before: ["old"], after: ["new", "old"] },
  ]);
});

test("without its line in the audit log nothing is read", async (t) => {
  const secrets = exchanged();
  const api = await startTestApi(t, { secrets });
  await api.database.query("drop table audit_log cascade");
  assert.equal((await api.call("POST", "/api/secrets/reload")).status, 500);
  assert.equal(secrets.reloads, 0);
});
