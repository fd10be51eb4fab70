import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { derivePassword, deriveSecret, deriveTunnelSecret } from "../../../components/tenant/secrets.ts";
import { odooPasswordHash } from "../../../components/tenant/password-hash.ts";
import { temporaryDirectory } from "../../../sandbox/instance.ts";
import { watchProcessLists } from "../../process-lists.ts";
import { type Secrets, SecretSearch } from "../../secret-shapes.ts";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";
import { everyRow } from "./every-row.ts";

// A tenant's life with all that goes wrong in it; then every place that people, logs or backups read is searched for
// every secret of the platform. The tests go in this order.
let world: World;
let processes: ReturnType<typeof watchProcessLists>;
/** What the API said, problems and streams too. */
const answers: string[] = [];
const tokens: string[] = [];
before(async () => {
  processes = watchProcessLists();
  world = await startWorld({ serverSettings: { LOG_LEVEL: "debug" } });
});
after(async () => {
  await processes?.stop();
  await world?.close();
});

const TENANTS = ["acme", "globex"];

function secretsOf(): Secrets {
  const { masterKey } = world.platform;
  const drawn: [string, string][] = [["API token", world.sandbox.api.token]];
  const walk = (path: string, value: unknown): void => {
    if (typeof value === "object" && value !== null)
      for (const [key, inner] of Object.entries(value)) walk(path === "" ? key : `${path}.${key}`, inner);
    else if (typeof value === "string" && !/publicKey|accountId|zoneId/.test(path)) drawn.push([path, value]);
  };
  walk("", world.sandbox.secrets);
  for (const subdomain of TENANTS) {
    const admin = derivePassword(masterKey, subdomain, "odoo-admin");
    const salt = deriveSecret(masterKey, subdomain, "odoo-admin-salt").subarray(0, 16);
    drawn.push([`${subdomain}'s administrator`, admin]);
    drawn.push([`${subdomain}'s administrator's hash`, odooPasswordHash(admin, salt)]);
    for (const generation of [1, 2, 3, 4, 5, 6]) {
      drawn.push([
        `${subdomain}'s role ${generation}`,
        derivePassword(masterKey, subdomain, "postgres-role", generation),
      ]);
      drawn.push([`${subdomain}'s tunnel ${generation}`, deriveTunnelSecret(masterKey, subdomain, generation)]);
    }
  }
  tokens.forEach((token, index) => drawn.push([`tunnel token ${index}`, token]));
  return new Map(drawn);
}

async function ask(
  method: string,
  path: string,
  body?: object,
  headers?: Record<string, string>,
): Promise<Record<string, unknown>> {
  const answer = await world.api(method, path, body, headers);
  answers.push(JSON.stringify(answer.body), JSON.stringify([...answer.headers]));
  return answer.body;
}

interface Tenant {
  id: number;
  state: string;
  state_reason: string | null;
  generation: number;
  observed_generation: number;
}

async function tenant(subdomain: string): Promise<Tenant> {
  const [found] = (await ask("GET", `/api/tenants?subdomain=${subdomain}`))["tenants"] as Tenant[];
  assert.ok(found);
  return found;
}

const settled = async (subdomain: string): Promise<void> => {
  await until(
    `${subdomain} to be converged`,
    () => tenant(subdomain),
    ({ state, generation, observed_generation }) => state === "active" && generation === observed_generation,
    180_000,
  );
};

/** Something breaks, a run fails by it, and after the repair the next one succeeds. */
async function failing(reason: RegExp, breaks: () => Promise<unknown>, repair: () => Promise<unknown>): Promise<void> {
  const { id } = await tenant("acme");
  await breaks();
  try {
    await ask("POST", `/api/tenants/${id}/rotate`, {});
    const seen = await until(
      `acme to fail: ${reason.source}`,
      () => tenant("acme"),
      ({ state }) => state === "failed" || state === "stalled",
      180_000,
    );
    assert.match(seen.state_reason ?? "", reason);
    await ask("POST", `/api/tenants/${id}/preview`, {}, { prefer: "wait=60" });
  } finally {
    await repair();
  }
  await ask("POST", `/api/tenants/${id}/retry`);
  await settled("acme");
}

async function superuser(query: string): Promise<void> {
  await world.sql(query);
}

test("a tenant lives through payments, rotations, suspension and deletion", async () => {
  for (const subdomain of TENANTS) {
    await world.sandbox.checkout({ subdomain, plan: "starter", email: `owner@${subdomain}.example` });
    tokens.push(await world.host.ok(`cat /etc/cloudflared/${subdomain}-tunnel.token`));
    await world.login(subdomain);
  }
  const { id } = await tenant("globex");
  const wait = { prefer: "wait=120" };
  await ask("POST", `/api/tenants/${id}/suspend`, {}, wait);
  await ask("POST", `/api/tenants/${id}/resume`, undefined, wait);
  await ask("POST", `/api/tenants/${id}/rotate`, {}, wait);
  tokens.push(await world.host.ok("cat /etc/cloudflared/globex-tunnel.token"));
  await settled("globex");
  await ask("DELETE", `/api/tenants/${id}`, undefined, wait);
});

test("runs fail in every way that could print a secret", async () => {
  const cloudflare = async (path: string, body: object): Promise<void> => {
    const url = `http://127.0.0.1:${world.sandbox.instance.ports.cloudflare}/${path}`;
    const headers = { "content-type": "application/json" };
    assert.ok((await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).ok);
  };
  const token = world.platform.cloudflareApiToken;
  await failing(
    /cloudflare/,
    () => cloudflare("__tokens/revoke", { token }),
    () => cloudflare("__tokens", { token, permissions: ["tunnel:edit", "dns:edit", "zone:read"] }),
  );
  const { platform_admin } = world.sandbox.secrets.postgresRoles;
  await failing(
    /postgres/,
    () => superuser("alter role platform_admin password 'another'"),
    () => superuser(`alter role platform_admin password '${platform_admin}'`),
  );
  await failing(
    /./,
    () => world.host.ok("rm -f /etc/pgbouncer/tenants.d/acme.ini; mkdir /etc/pgbouncer/tenants.d/acme.ini"),
    () => world.host.ok("rm -r /etc/pgbouncer/tenants.d/acme.ini"),
  );
  // A program that tells what it was given, as it is and as others would print it.
  const psql = "/opt/postgresql-client/bin/psql";
  await failing(
    /./,
    () =>
      world.host.ok(
        "bash -s",
        `cat >/root/psql <<'PROGRAM' && chmod 755 /root/psql && mount --bind /root/psql ${psql}
#!/bin/bash
case $PGUSER in tenant_*) ;; *) exec /usr/bin/psql "$@" ;; esac
echo "password=$PGPASSWORD next=$ROLE_PASSWORD authorization: Basic $(printf 'user:%s' "$PGPASSWORD" | base64 -w 0)" >&2
exit 1
PROGRAM`,
      ),
    () => world.host.ok(`umount ${psql} && rm /root/psql`),
  );
  const { operations } = await ask("GET", "/api/operations?limit=50");
  assert.match(JSON.stringify(operations), /password=\[secret\] next=\[secret\] authorization: Basic \S*\[secret\]/);
  const keys = "/etc/ssh/ssh_host_ed25519_key";
  await failing(
    /./,
    () =>
      world.host.ok(
        `mkdir /root/kept && mv ${keys}* /root/kept/ && ssh-keygen -q -t ed25519 -N '' -f ${keys} && systemctl restart ssh`,
      ),
    () => world.host.ok(`mv -f /root/kept/* /etc/ssh/ && rmdir /root/kept && systemctl restart ssh`),
  );
});

test("requests are refused, connections break, and commands are run", async () => {
  const { url, token } = world.sandbox.api;
  const plain = async (path: string, init: RequestInit): Promise<void> => {
    const response = await fetch(`${url}${path}`, init);
    answers.push(await response.text(), JSON.stringify([...response.headers]));
  };
  await plain("/api/tenants", { headers: { authorization: `Bearer ${token}x` } });
  await plain(`/api/tenants?search=x&token=1`, { headers: { authorization: `Bearer ${token}` } });
  await plain("/webhook/stripe", { method: "POST", body: "{}", headers: { "stripe-signature": "t=1,v1=0" } });
  await plain("/api/tenants", {
    method: "POST",
    body: "{",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  });
  await superuser("select pg_terminate_backend(pid) from pg_stat_activity where usename in ('odoosaas', 'pulumi')");
  await settled("acme");
  await ask("POST", "/api/secrets/reload");
});

test("no secret is to be found anywhere", async () => {
  const search = new SecretSearch(secretsOf());
  const { instance } = world.sandbox;
  for (const file of filesBelow(join(instance.directory, "logs")))
    search.look(`log ${file}`, readFileSync(file, "latin1"));
  for (const path of [
    "/api/tenants?include_deleted=true",
    "/api/operations?limit=200",
    "/api/audit?limit=200",
    "/api/tasks",
    "/api/queue",
    "/api/events",
    "/api/tunnels",
    "/api/dashboard/metrics",
    "/api/secrets",
    "/openapi.json",
  ])
    await ask("GET", path);
  const { operations } = (await world.api("GET", "/api/operations?limit=200")).body as { operations: { id: number }[] };
  assert.ok(operations.length > 10);
  for (const { id } of operations) {
    await ask("GET", `/api/operations/${id}`);
    const stream = await fetch(`${world.sandbox.api.url}/api/operations/${id}/events`, {
      headers: { authorization: `Bearer ${world.sandbox.api.token}` },
    });
    answers.push(await stream.text());
  }
  search.look("an answer of the API", answers.join("\n"));
  for (const [database, table, row] of await everyRow(world, ["odoosaas", "pulumi"]))
    search.look(`${database}.${table}`, row);
  search.look("a process list", [...(await processes.stop())].join("\n"));
  search.look("the host's journal", await world.host.ok("journalctl --no-pager -o verbose"));
  search.look(
    "the host's log files",
    await world.host.ok("find /var/log -type f ! -path '*/journal/*' -exec cat {} +"),
  );
  search.look(
    "the host's units",
    await world.host.ok("cat /etc/systemd/system/*.service /run/systemd/transient/* 2>/dev/null || true"),
  );
  for (const file of filesBelow(temporaryDirectory(world.sandbox.instance)))
    search.look(`left behind: ${file}`, readFileSync(file, "latin1"));
  for (const stack of ["prod", "acme"])
    search.look(
      `state of ${stack}`,
      await world.sandbox.pulumi("stack", "export", "-s", `organization/odoosaas/${stack}`),
    );
  assert.deepEqual([...search.found], []);
  // The search itself finds what is there to be found.
  search.look(
    "shown",
    await world.sandbox.pulumi("stack", "export", "--show-secrets", "-s", "organization/odoosaas/acme"),
  );
  const shown = [...search.found].map((line) => line.split(" in ")[0]);
  for (const name of ["cloudflare.apiToken", "postgresRoles.platform_admin", "ssh.privateKey"])
    assert.ok(shown.includes(name), `${name} is in the state, shown: ${shown.join(", ")}`);
  for (const place of ["an answer of the API", "a process list", "the host's journal", "odoosaas.operation_events"])
    assert.ok((search.looked.get(place) ?? 0) > 1_000, place);
});

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}
