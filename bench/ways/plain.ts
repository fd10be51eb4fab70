import pg from "pg";
import { commandLine } from "../../components/host/host-command.ts";
import type { HostSettings, PlatformSettings } from "../../components/settings/platform-settings.ts";
import type { TenantSettings } from "../../components/settings/tenant-settings.ts";
import { ingressRules } from "../../components/tenant/ingress.ts";
import { databaseName, hostname, ownershipMark, roleName, tunnelName } from "../../components/tenant/names.ts";
import { derivePassword, deriveTunnelSecret } from "../../components/tenant/secrets.ts";
import type { Ground } from "../ground/ground.ts";
import { openHostSession } from "./host-session.ts";
import { scriptInputs } from "./script-inputs.ts";
import { tenantOf } from "./tenant.ts";
import type { Way } from "./way.ts";

/**
 * The same steps by a plain script without Pulumi, as quick as its author can make it: what does not depend on one
 * another goes side by side, one SSH connection serves both host scripts. It keeps no state, looks for nothing before
 * it begins, and proves nothing afterwards.
 */
export function plainWay({ platform }: Pick<Ground, "platform">): Way {
  const [host] = platform.hosts;
  if (!host) throw new Error("the platform has no host");
  return {
    name: "plain script",
    async make(checkout) {
      const tenant = tenantOf(platform, checkout);
      const scripts = scriptInputs(platform, tenant);
      const session = openHostSession(host, host.ssh.user, platform.sshPrivateKey);
      const run = async (command: string, input: string) =>
        await (await session).run(commandLine(command, "up"), input);
      try {
        await Promise.all([
          createDatabase(platform, host, tenant.subdomain).then(async () => await run("odoo-database", scripts.odoo)),
          createTunnel(platform, host, tenant).then(async (token) => await run("connector", scripts.connector(token))),
        ]);
      } finally {
        (await session).end();
      }
    },
  };
}

async function withPostgres(platform: PlatformSettings, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const { host, port, user, maintenanceDatabase: database } = platform.postgres;
  const client = new pg.Client({ host, port, user, database, password: platform.postgresPassword });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function createDatabase(platform: PlatformSettings, host: HostSettings, subdomain: string): Promise<void> {
  const role = pg.escapeIdentifier(roleName(subdomain));
  const owner = pg.escapeIdentifier(host.odoo.role);
  const password = pg.escapeLiteral(derivePassword(platform.masterKey, subdomain, "postgres-role"));
  const limit = platform.plans["starter"]?.connectionLimit ?? 20;
  const template = pg.escapeIdentifier(platform.template?.database ?? "template0");
  await withPostgres(platform, async (client) => {
    await client.query(`create role ${role} login password ${password} connection limit ${limit}`);
    await client.query(`grant ${role} to ${owner}`);
    await client.query(
      `create database ${pg.escapeIdentifier(databaseName(subdomain))} owner ${owner} template ${template}`,
    );
  });
}

/** Resolves with the tunnel's token. */
async function createTunnel(platform: PlatformSettings, host: HostSettings, tenant: TenantSettings): Promise<string> {
  const { accountId, zoneId } = platform.cloudflare;
  const { subdomain } = tenant;
  const name = hostname(subdomain, platform.domain);
  const tunnels = `/accounts/${accountId}/cfd_tunnel`;
  const { id: tunnelId } = await cloudflare<{ id: string }>(platform, "POST", tunnels, {
    name: tunnelName(subdomain),
    config_src: "cloudflare",
    tunnel_secret: deriveTunnelSecret(platform.masterKey, subdomain),
  });
  const origin = `http://127.0.0.1:${host.odoo.port}`;
  const [token] = await Promise.all([
    cloudflare<string>(platform, "GET", `${tunnels}/${tunnelId}/token`),
    cloudflare(platform, "POST", `/zones/${zoneId}/dns_records`, {
      name,
      type: "CNAME",
      content: `${tunnelId}.cfargotunnel.com`,
      proxied: true,
      ttl: 1,
      comment: ownershipMark(platform.id, subdomain),
    }),
    cloudflare(platform, "PUT", `${tunnels}/${tunnelId}/configurations`, {
      config: { ingress: ingressRules({ hostnames: [name], origin }) },
    }),
  ]);
  return token;
}

async function cloudflare<T>(platform: PlatformSettings, method: string, path: string, body?: object): Promise<T> {
  const base = platform.cloudflare.baseUrl ?? "https://api.cloudflare.com/client/v4";
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { authorization: `Bearer ${platform.cloudflareApiToken}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { success: boolean; result: T; errors: unknown };
  if (!answer.success) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer.errors)}`);
  return answer.result;
}
