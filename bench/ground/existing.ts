import pg from "pg";
import type { Ground } from "./ground.ts";

/**
 * Makes the server and the state backend believe in many tenants: rows with an operation each, and a stack's state each,
 * all copied from one real tenant. They have no database, tunnel or record, and sit on hosts of their own, two hundred on
 * each, as many as a host may carry.
 */
export async function seedExisting(ground: Ground, pattern: string, from: number, to: number): Promise<void> {
  const { instance, secrets } = ground.sandbox;
  const connect = async <T>(database: "odoosaas" | "pulumi", work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const password = secrets.postgresRoles[database];
    const client = new pg.Client({
      host: "127.0.0.1",
      port: instance.ports.postgres,
      user: database,
      database,
      password,
    });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const parameters = [pattern, from, to];
  await connect("odoosaas", async (client) => {
    await client.query(rowsLike(await columnsOf(client)), parameters);
    await client.query(OPERATIONS, [pattern]);
    await client.query("analyze");
  });
  await connect("pulumi", async (client) => {
    await client.query(STATES, parameters);
    await client.query("analyze");
  });
}

/** Columns of a tenant's row that are the same in every copy. */
async function columnsOf(client: pg.Client): Promise<string[]> {
  const own = ["id", "subdomain", "subscription_id", "customer_id", "container_id", "tunnel_id", "tunnel_url"];
  const { rows } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = 'tenant_deployments'::regclass and attnum > 0 and not attisdropped and attname <> all ($1)`,
    [own],
  );
  return rows.map(({ name }) => pg.escapeIdentifier(name));
}

function rowsLike(columns: readonly string[]): string {
  const same = columns.join(", ");
  return `
    insert into tenant_deployments
      (subdomain, subscription_id, customer_id, container_id, tunnel_id, tunnel_url, ${same})
    select 'seed-' || n, 'sub_seed' || n, 'cus_seed' || n, 1000 + n / 200, gen_random_uuid()::text,
      replace(tunnel_url, $1, 'seed-' || n), ${same}
    from tenant_deployments, generate_series($2::int, $3::int) n where subdomain = $1`;
}

const OPERATIONS = `
  insert into operations (tenant_id, kind, generation, status, requested_by, queued_at, started_at, finished_at,
    changes, resources, timings)
  select seeded.id, kind, o.generation, status, requested_by, queued_at, started_at, finished_at, changes, resources, timings
  from operations o join tenant_deployments t on t.id = o.tenant_id and t.subdomain = $1,
    tenant_deployments seeded
  where seeded.subdomain like 'seed-%' and not exists (select from operations where tenant_id = seeded.id)`;

// A tenant's name is in its stack's state wherever it stands: names, URNs, the record's value.
const STATES = `
  insert into pulumi_state (key, data)
  select replace(key, $1, 'seed-' || n), replace(data::text, $1, 'seed-' || n)::json
  from pulumi_state, generate_series($2::int, $3::int) n
  where key like '%/stacks/%/' || $1 || '.json' or key like '%/history/%/' || $1 || '-%.history.json'`;
