import assert from "node:assert/strict";
import { join } from "node:path";
import pg from "pg";
import { CHECKOUT } from "../../../sandbox/lifecycle/project.ts";
import { jwtSecretFile, webhookSecretFile } from "../../../sandbox/lifecycle/secrets.ts";
import { run } from "../../../sandbox/run.ts";
import type { World } from "../world.ts";

/** Runs one command of `rotate` as an operator on the server's machine. */
export async function rotateCli(
  { sandbox: { instance, api } }: World,
  args: string[],
  input = "",
  env: Record<string, string> = {},
): Promise<string> {
  const own = {
    API_URL: api.url,
    JWT_SECRET_FILE: jwtSecretFile(instance),
    STRIPE_WEBHOOK_SECRET_FILE: webhookSecretFile(instance),
  };
  const command = [join(CHECKOUT, "automation/cli.ts"), "rotate", ...args];
  return await run(process.execPath, command, { cwd: CHECKOUT, env: { ...process.env, ...env, ...own }, input });
}

/**
 * Opens session after session through the host's PgBouncer as Odoo does, while something is done. Each ends its own
 * backend, so that the next one needs a login. Returns what the refused ones said.
 */
export async function withNewSessions(
  world: World,
  database: string,
  work: () => Promise<void>,
): Promise<{ served: number; bad: string[] }> {
  const stop = `/run/sessions-${database}.stop`;
  const loop = `export PGPASSWORD='${world.sandbox.secrets.postgresRoles.odoo_h105}'
    end='select pg_terminate_backend(pg_backend_pid())'
    while [ ! -e ${stop} ]; do
      psql -X -h 127.0.0.1 -p 6432 -U odoo_h105 -d ${database} -Atc "select 'served'" -c "$end" 2>&1 | head -n 1
    done`;
  const loops = [1, 2].map(async () => world.host.ok("bash -s", loop));
  try {
    await work();
  } finally {
    await world.host.ok(`touch ${stop}`);
  }
  const lines = (await Promise.all(loops)).flatMap((text) => text.split("\n"));
  await world.host.ok(`rm ${stop}`);
  const bad = lines.filter((line) => line !== "served");
  return { served: lines.length - bad.length, bad };
}

/** Whether a role's password is good for PostgreSQL itself. */
export async function opensPostgres(
  { sandbox }: World,
  user: string,
  password: string,
  database = "postgres",
): Promise<boolean> {
  const client = new pg.Client({ host: "127.0.0.1", port: sandbox.instance.ports.postgres, user, database, password });
  try {
    await client.connect();
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, "28P01", String(error));
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

export async function idOf(world: World, subdomain: string): Promise<number> {
  const { body } = await world.api("GET", `/api/tenants?subdomain=${subdomain}`);
  const [tenant] = body["tenants"] as { id: number }[];
  assert.ok(tenant);
  return tenant.id;
}

/** A run of a tenant by the server, to its end. */
export async function retried(world: World, subdomain: string): Promise<void> {
  const path = `/api/tenants/${await idOf(world, subdomain)}/retry`;
  const { status, body } = await world.api("POST", path, {}, { prefer: "wait=120" });
  assert.equal(status, 200, `${subdomain}: ${JSON.stringify(body)}`);
}
