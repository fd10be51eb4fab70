import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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
 * Opens session after session through the host's PgBouncer as Odoo does, while something is done: as many as it can take.
 * Each ends its own backend, so that the next one needs a login. Returns what the refused ones said.
 */
export async function withNewSessions(
  world: World,
  database: string,
  work: () => Promise<void>,
): Promise<{ served: number; bad: string[] }> {
  const stop = `/run/sessions-${database}.stop`;
  const sessions = world.host.ok(`python3 - ${database} ${stop}`, SESSIONS);
  try {
    await work();
  } finally {
    await world.host.ok(`touch ${stop}`);
  }
  const ended = JSON.parse(await sessions) as { served: number; bad: string[] };
  await world.host.ok(`rm ${stop}`);
  return ended;
}

const SESSIONS = readFileSync(new URL("./new-sessions.py", import.meta.url), "utf8");

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
