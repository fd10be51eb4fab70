import { derivePassword } from "../../components/tenant/secrets.ts";
import type { Instance } from "../instance.ts";
import { apiUrl, listTenants, openTasks, type ApiTask, type ApiTenant } from "./api.ts";
import { findRun, type EndedPart } from "./running.ts";
import { instanceSecrets, type InstanceSecrets } from "./secrets.ts";

/** What `npm run status -- --json` prints. */
export interface SandboxStatus {
  api: string;
  /** Tenants are at their own host names on this address. */
  edge: string;
  tenants: TenantStatus[];
  /** What waits for a person: a checkout of which no tenant could be made, and why. If any. */
  tasks?: ApiTask[];
  /** Parts that ended by themselves, if any. */
  ended?: EndedPart[];
}

export interface TenantStatus {
  subdomain: string;
  url: string;
  login: string;
  /** Initial password of the tenant's administrator. */
  password: string;
  state: string;
}

/** The sandbox is not running, or not yet. */
export class NotRunning extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotRunning";
  }
}

/** Throws NotRunning. */
export async function sandboxStatus(instance: Instance | undefined): Promise<SandboxStatus> {
  const run = instance && findRun(instance);
  if (!run) throw new NotRunning("The sandbox is not running. Start it with: npm start");
  if (run.phase !== "ready") throw new NotRunning(`The sandbox is ${run.phase}.`);
  const secrets = instanceSecrets(instance);
  const [tenants, tasks] = await Promise.all([listTenants(instance, secrets), openTasks(instance, secrets)]).catch(
    (error: unknown): [ApiTenant[], ApiTask[]] => {
      if (run.ended.length > 0) return [[], []]; // the server, or what it needs, is among them
      throw error;
    },
  );
  return {
    ...describe(instance, secrets, tenants),
    ...(tasks.length > 0 && { tasks: tasks.map(({ id, kind, detail }) => ({ id, kind, detail })) }),
    ...(run.ended.length > 0 && { ended: run.ended }),
  };
}

export function describe(instance: Instance, secrets: InstanceSecrets, tenants: readonly ApiTenant[]): SandboxStatus {
  return {
    api: apiUrl(instance),
    edge: edgeUrl(instance),
    tenants: tenants.map((tenant) => ({
      subdomain: tenant.subdomain,
      url: tenant.url,
      login: tenant.customer_email,
      password: derivePassword(secrets.masterKey, tenant.subdomain, "odoo-admin"),
      state: tenant.state,
    })),
  };
}

export function edgeUrl(instance: Instance): string {
  return `http://127.0.0.1:${instance.ports.edge}`;
}
