import type { Command } from "commander";
import { confirmed } from "./confirmed.ts";
import { type OperationAnswer, operationTable } from "./operations.ts";
import { retryCommand } from "./retry.ts";
import type { Session } from "./session.ts";
import { allTenants, carriedOut, find, type TenantAnswer, type WaitOption } from "./tenant-answer.ts";
import { facts, table, yaml } from "./terminal.ts";

export function tenantCommands(program: Command, session: Session): void {
  const tenants = program.command("tenants").description("what they should be, and what they are");

  tenants
    .command("list")
    .description("all, or those that options choose")
    .option("--state <list>", "pending, provisioning, active, suspended, failed, stalled, ... (comma separated)")
    .option("--search <text>", "part of the subdomain, the customer's address or the subscription")
    .option("--plan <list>", "one or more plans")
    .option("--sort <field>", "id, subdomain, created_at, updated_at; a leading - reverses", "subdomain")
    .action(async (options: Record<string, string>) => {
      const found = await allTenants(session, options);
      if (session.json()) return session.print(JSON.stringify(found, null, 2));
      const rows = found.map((tenant) => [
        String(tenant.id),
        tenant.subdomain,
        stateOf(tenant),
        tenant.plan_type,
        String(tenant.container_id),
        tenant.tunnel.status,
        tenant.url,
      ]);
      session.print(table(["ID", "SUBDOMAIN", "STATE", "PLAN", "HOST", "TUNNEL", "URL"], rows));
      session.print(`${found.length} tenant${found.length === 1 ? "" : "s"}`);
    });

  tenants
    .command("show <tenant>")
    .description("by subdomain or number")
    .action(async (name: string) => {
      const tenant = await find(session, name);
      if (session.json()) return session.print(JSON.stringify(tenant, null, 2));
      const { generation, observed_generation: seen } = tenant;
      session.print(
        facts({
          id: tenant.id,
          subdomain: tenant.subdomain,
          url: tenant.url,
          state: stateOf(tenant),
          detail: tenant.state_detail,
          "next step": tenant.next_step,
          guide: tenant.guide,
          wanted: tenant.wanted_reason === null ? tenant.wanted : `${tenant.wanted} (${tenant.wanted_reason})`,
          converged: generation === seen ? "yes" : `no: generation ${seen} of ${generation}`,
          plan: tenant.plan_type,
          host: tenant.container_id,
          tunnel: `${tenant.tunnel.tunnel_name} (${tenant.tunnel.status})`,
          customer: tenant.customer_email,
          subscription: tenant.subscription_id,
          "grace until": tenant.grace_until,
          "deleted after": tenant.delete_after,
          created: tenant.created_at,
          ready: tenant.ready_at,
        }),
      );
      const { operations } = await session.api().ask("GET", `/api/operations?tenant_id=${tenant.id}&limit=5`);
      const last = operations as OperationAnswer[];
      if (last.length > 0) session.print(`\n${operationTable(last, false)}`);
    });

  change(
    tenants
      .command("suspend <tenant>")
      .description("visitors get a 503 page; data and name stay")
      .option("--reason <text>", "kept with the tenant"),
    session,
    "POST",
    "suspend",
  );
  change(tenants.command("resume <tenant>").description("bring a suspended one back"), session, "POST", "resume");
  retryCommand(tenants, session);
  change(
    tenants
      .command("unlock <tenant>")
      .description("run it again, and break its stack's locks: whoever made them must be dead"),
    session,
    "POST",
    "unlock",
  );
  change(tenants.command("preview <tenant>").description("what a run would change"), session, "POST", "preview");

  tenants
    .command("plan <tenant> <plan>")
    .description("change the plan")
    .option("--no-wait", "return at once")
    .action(async (name: string, plan: string, options: WaitOption) => {
      const { id } = await find(session, name);
      await carriedOut(
        session,
        await session.api().ask("PATCH", `/api/tenants/${id}`, { body: { plan_type: plan } }),
        options,
      );
    });

  for (const verb of ["pause", "unpause"] as const) {
    tenants
      .command(`${verb} <tenant>`)
      .description(verb === "pause" ? "park its runs" : "let its runs go on")
      .action(async (name: string) => {
        const { id } = await find(session, name);
        const answer = await session.api().ask("POST", `/api/tenants/${id}/${verb}`);
        session.print(
          session.json() ? JSON.stringify(answer, null, 2) : `${name}: ${verb === "pause" ? "paused" : "going on"}`,
        );
      });
  }

  tenants
    .command("delete <tenant>")
    .description("verified backup, then everything goes; there is no way back")
    .option("--yes", "do not ask")
    .option("--no-wait", "return at once")
    .action(async (name: string, options: WaitOption & { yes?: boolean }) => {
      const tenant = await find(session, name);
      if (options.yes !== true)
        await confirmed(session, `${tenant.url} and all its data`, "subdomain", tenant.subdomain);
      await carriedOut(session, await session.api().ask("DELETE", `/api/tenants/${tenant.id}`), options);
    });

  tenants
    .command("password <tenant>")
    .description("the first administrator's login and initial password; each telling is audited (role admin)")
    .action(async (name: string) => {
      const { id } = await find(session, name);
      const answer = await session.api().ask("POST", `/api/tenants/${id}/initial-password`);
      const { url, login, password, ready } = answer;
      if (session.json()) return session.print(JSON.stringify({ url, login, password, ready }, null, 2));
      session.print(facts({ url, login, password }));
      session.err.write("Good until the customer has changed it.\n");
      if (ready !== true) session.err.write("The tenant is not made yet.\n");
    });

  tenants
    .command("config <tenant>")
    .description("its stack configuration (YAML), for pulumi -s <tenant>")
    .action(async (name: string) => {
      const { id } = await find(session, name);
      const { config } = await session.api().ask("GET", `/api/tenants/${id}/config`);
      session.print(session.json() ? JSON.stringify({ config }, null, 2) : yaml({ config }).trimStart());
    });
}

function change(command: Command, session: Session, method: string, verb: string): void {
  command
    .option("--no-wait", "return at once")
    .action(async (name: string, options: WaitOption & { reason?: string }) => {
      const { id } = await find(session, name);
      const body = options.reason === undefined ? {} : { body: { reason: options.reason } };
      await carriedOut(session, await session.api().ask(method, `/api/tenants/${id}/${verb}`, body), options);
    });
}

function stateOf({ state, state_reason: reason, paused }: TenantAnswer): string {
  return `${state}${reason === null ? "" : ` (${reason})`}${paused ? ", paused" : ""}`;
}
