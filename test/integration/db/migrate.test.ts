import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { Database } from "../../../automation/db/database.ts";
import { migrate } from "../../../automation/db/migrate.ts";
import { startPostgres } from "../../postgres.ts";

const files = readdirSync(new URL("../../../automation/db/migrations", import.meta.url)).length;

test("two servers starting at once migrate an empty database once, and a later start changes nothing", async (t) => {
  const { url } = await startPostgres(t);
  const [one, other] = [new Database(url), new Database(url)];
  t.after(() => Promise.all([one.end(), other.end()]));
  const done = await Promise.all([migrate(one), migrate(other)]);
  assert.deepEqual(
    done.map((names) => names.length).toSorted((a, b) => a - b),
    [0, files],
  );
  assert.deepEqual(await migrate(one), []);
  const { rows } = await one.query<{ id: number }>("select 5000000000::bigint as id");
  assert.equal(rows[0]?.id, 5_000_000_000);
});

test("a database that cannot be reached is told by the setting that names it", async (t) => {
  const nowhere = new Database("postgres://a:b@127.0.0.1:1/c");
  t.after(() => nowhere.end());
  await assert.rejects(migrate(nowhere), /^Error: DATABASE_URL: .*ECONNREFUSED 127\.0\.0\.1:1.*right\?$/);
});
