import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import pg from "pg";
import { StateFence } from "../../../automation/engine/state-fence.ts";
import { filePostgres } from "../../database.ts";
import { until } from "../../until.ts";

const server = await filePostgres();
let backends = 0;

/** A database with the table as the engine makes it. */
async function backend(t: TestContext): Promise<{ url: string; operator: pg.Client }> {
  const name = `backend_${(backends += 1)}`;
  await (await connected(t, server.url)).query(`create database ${name}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const operator = await connected(t, url.href);
  await operator.query("create table pulumi_state (key text primary key, data json not null)");
  return { url: url.href, operator };
}

async function connected(t: TestContext, url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.after(() => client.end());
  return client;
}

function fenceOf(t: TestContext, url: string, log?: (line: string) => void): StateFence {
  const fence = StateFence.of(url, log);
  assert.ok(fence);
  t.after(() => fence.close());
  return fence;
}

const WRITE = "insert into pulumi_state values ($1, '{}') on conflict (key) do update set data = excluded.data";

test("only the run whose right was raised last writes and deletes; other tenants' runs and operators do as before", async (t) => {
  const { url, operator } = await backend(t);
  const fence = fenceOf(t, url);
  const [old, young, neighbour] = await Promise.all(
    [
      { subject: "tenant-1", token: 7 },
      { subject: "tenant-1", token: 8 },
      { subject: "tunnel-1", token: 1 },
    ].map((right) => connected(t, fence.urlFor(right))),
  );
  assert.ok(old && young && neighbour);
  await fence.raise({ subject: "tenant-1", token: 7 });
  await old.query(WRITE, ["acme"]);
  await fence.raise({ subject: "tenant-1", token: 8 });
  await assert.rejects(old.query(WRITE, ["acme"]), /another worker has taken over: run tenant-1\.7/);
  await assert.rejects(old.query("delete from pulumi_state where key = 'acme'"), /another worker has taken over/);
  for (const client of [young, neighbour, operator]) await client.query(WRITE, ["acme"]);
  // A database restored from a backup may count from less.
  await fence.raise({ subject: "tenant-1", token: 3 });
  await assert.rejects(young.query(WRITE, ["acme"]), /another worker has taken over/);
});

test("who raises the fence waits for a write that has passed it", async (t) => {
  const { url, operator } = await backend(t);
  const fence = fenceOf(t, url);
  await fence.raise({ subject: "tenant-1", token: 1 });
  const old = await connected(t, fence.urlFor({ subject: "tenant-1", token: 1 }));
  await old.query("begin");
  await old.query(WRITE, ["acme"]);
  let raised = false;
  const raising = fence.raise({ subject: "tenant-1", token: 2 }).then(() => (raised = true));
  await until(
    "it to wait",
    () =>
      operator.query(
        "select 1 from pg_stat_activity where application_name = 'odoosaas-fence' and wait_event_type = 'Lock'",
      ),
    ({ rows }) => rows.length === 1,
    20_000,
  );
  assert.equal(raised, false);
  await old.query("commit");
  await raising;
});

test("servers that start at once set it up once", async (t) => {
  const { url, operator } = await backend(t);
  await Promise.all([1, 2, 3, 4].map((token) => fenceOf(t, url).raise({ subject: `tenant-${token}`, token })));
  const { rows } = await operator.query("select tgname from pg_trigger where tgrelid = 'pulumi_state'::regclass");
  assert.equal(rows.length, 1);
});

test("a backend's role that may not set it up works unfenced, and that is told", async (t) => {
  const { url, operator } = await backend(t);
  await operator.query(
    "create role stranger login; grant select, insert, update, delete on pulumi_state to stranger; grant create on schema public to stranger",
  );
  const told: string[] = [];
  const strangers = new URL(url);
  strangers.username = "stranger";
  const fence = fenceOf(t, strangers.href, (line) => told.push(line));
  await fence.raise({ subject: "tenant-1", token: 1 });
  await fence.raise({ subject: "tenant-1", token: 2 });
  assert.match(told.join("\n"), /may not fence its writes; let it own pulumi_state/);
  assert.equal(told.length, 1);
  await (await connected(t, fence.urlFor({ subject: "tenant-1", token: 1 }))).query(WRITE, ["acme"]);
});

test("the engine's own parameter of the address is kept for it, and its table is the fenced one", async (t) => {
  const { url, operator } = await backend(t);
  await operator.query("create table states (key text primary key, data json not null)");
  const fence = fenceOf(t, `${url}?table=states`);
  assert.match(
    fence.urlFor({ subject: "tenant-1", token: 1 }),
    /\?table=states&application_name=odoosaas-run%20tenant-1\.1$/,
  );
  await fence.raise({ subject: "tenant-1", token: 1 });
  const { rows } = await operator.query("select tgname from pg_trigger where tgrelid = 'states'::regclass");
  assert.equal(rows.length, 1);
});

test("other backends have no fence", () => {
  for (const url of ["s3://bucket", "file:///var/state", ""]) assert.equal(StateFence.of(url), undefined);
});

test("new states are compressed by lz4, unless an operator has decided otherwise or writers are in the way", async (t) => {
  const raised = async (url: string): Promise<void> => await fenceOf(t, url).raise({ subject: "tenant-1", token: 1 });
  const compression = async ({ operator }: { operator: pg.Client }): Promise<unknown> => {
    const query = "select pg_column_compression(data) as by from pulumi_state where key = 'large'";
    return (await operator.query<{ by: string }>(query)).rows[0]?.by;
  };
  const large = "insert into pulumi_state values ('large', to_json(repeat('resource', 10000)))";

  const usual = await backend(t);
  await raised(usual.url);
  await usual.operator.query(large);
  assert.equal(await compression(usual), "lz4");

  const decided = await backend(t);
  await decided.operator.query("alter table pulumi_state alter column data set compression pglz");
  await raised(decided.url);
  await decided.operator.query(large);
  assert.equal(await compression(decided), "pglz");

  const busy = await backend(t);
  await raised(busy.url); // the trigger is there
  await busy.operator.query("alter table pulumi_state alter column data set compression default");
  await busy.operator.query("begin");
  await busy.operator.query(large);
  await raised(busy.url);
  await busy.operator.query("commit");
  assert.equal(await compression(busy), "pglz");
});
