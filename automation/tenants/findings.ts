import { roleName, tunnelName } from "../../components/tenant/names.ts";
import type { Adoption } from "../../components/tenant/tenant.ts";
import type { Deployment, StateResource } from "../engine/engine.ts";

/** What bears a tenant's derived names in the clouds, whoever made it. */
export interface Findings {
  readonly tunnel?: { readonly id: string; readonly ours: boolean };
  readonly record?: { readonly id: string; readonly ours: boolean; readonly is: string };
  readonly role?: { readonly ours: boolean };
  readonly database?: {
    readonly owner: string;
    /** `unmarked`: without any comment, as it is between its creation and the host's script that marks it. */
    readonly mark: "ours" | "unmarked" | "another";
    /** Its DROP DATABASE was cut off. PostgreSQL, which calls it invalid, allows nothing but another one. */
    readonly halfDropped?: true;
  };
}

/** Whose name is taken by another, in words; empty when nothing stands in the way. */
export function takenBy(
  subdomain: string,
  hostname: string,
  found: Findings,
  owner: { odooRole: string; claimed: boolean },
): string[] {
  const taken: string[] = [];
  if (found.tunnel?.ours === false)
    taken.push(`the Cloudflare tunnel ${tunnelName(subdomain)} (${found.tunnel.id}) has another secret`);
  if (found.record?.ours === false)
    taken.push(`the DNS record ${hostname} (${found.record.is}) has no ownership mark of this tenant`);
  if (found.role?.ours === false) taken.push(`the PostgreSQL role ${roleName(subdomain)} has another password`);
  if (found.database !== undefined && !isOurDatabase(found.database, owner)) {
    taken.push(
      `the PostgreSQL database ${subdomain} (owner ${found.database.owner}) has no ownership mark of this tenant`,
    );
  }
  return taken;
}

/**
 * An unmarked database is ours when its name was seen to be free, or ours, before the tenant's first run (`claimed`),
 * and it has the owner that we give it.
 */
function isOurDatabase(
  database: NonNullable<Findings["database"]>,
  owner: { odooRole: string; claimed: boolean },
): boolean {
  return (
    database.mark === "ours" || (database.mark === "unmarked" && owner.claimed && database.owner === owner.odooRole)
  );
}

const TYPES = {
  tunnel: "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared",
  record: "cloudflare:index/dnsRecord:DnsRecord",
  role: "postgresql:index/role:Role",
  database: "postgresql:index/database:Database",
} as const;

const MEMBERSHIP = "postgresql:index/grantRole:GrantRole";

export type Part = keyof typeof TYPES;
const PARTS = Object.keys(TYPES) as Part[];

/** How state and clouds differ, and so what to do before the engine runs. */
export interface StateRepair {
  /** Exists and is ours, but state does not know it: to be imported by the program. */
  readonly adopt: Adoption;
  /** State knows it, but it does not exist. */
  readonly gone: readonly Part[];
  /** URNs of what is gone, and of what went with it: to be forgotten, since the providers fail at deleting what is gone. */
  readonly forget: readonly string[];
  /** Operations that an interrupted run began: what they did is known by looking. */
  readonly pending: readonly string[];
}

export function compareWithState(state: Deployment | undefined, found: Findings): StateRepair {
  const resources = state?.deployment.resources ?? [];
  const known = (part: Part): StateResource | undefined => resources.find(({ type }) => type === TYPES[part]);
  const missing = (part: Part): boolean => known(part) === undefined && found[part] !== undefined;
  const { tunnel, record } = found;
  const gone = PARTS.filter((part) => {
    const resource = known(part);
    if (resource === undefined) return false;
    if (part === "tunnel") return tunnel?.id !== resource.id;
    if (part === "record") return record?.id !== resource.id;
    return found[part] === undefined;
  });
  return {
    adopt: {
      ...(tunnel !== undefined && (missing("tunnel") || gone.includes("tunnel")) ? { tunnelId: tunnel.id } : {}),
      ...(record !== undefined && (missing("record") || gone.includes("record")) ? { recordId: record.id } : {}),
      ...(missing("role") ? { role: true } : {}),
      ...(missing("database") ? { database: true } : {}),
    },
    gone,
    forget: [
      ...gone.flatMap((part) => known(part)?.urn ?? []),
      // A role's memberships went with it.
      ...(gone.includes("role") ? resources.filter(({ type }) => type === MEMBERSHIP).map(({ urn }) => urn) : []),
    ],
    pending: (state?.deployment.pending_operations ?? []).map(({ type, resource }) => `${type} ${resource.urn}`),
  };
}

/** The state without the forgotten resources and without pending operations; what depended on them no longer does. */
export function repairedState(state: Deployment, repair: Pick<StateRepair, "forget">): Deployment {
  const gone = new Set(repair.forget);
  const resources = (state.deployment.resources ?? [])
    .filter(({ urn }) => !gone.has(urn))
    .map((resource) => withoutDependencies(resource, gone));
  const { pending_operations: _, ...deployment } = state.deployment;
  return { ...state, deployment: { ...deployment, resources } };
}

function withoutDependencies(resource: StateResource, gone: ReadonlySet<string>): StateResource {
  const kept = (urns: unknown): unknown => (Array.isArray(urns) ? urns.filter((urn) => !gone.has(String(urn))) : urns);
  const { dependencies, propertyDependencies, deletedWith, ...rest } = resource;
  return {
    ...rest,
    ...(dependencies === undefined ? {} : { dependencies: kept(dependencies) }),
    ...(typeof propertyDependencies === "object" && propertyDependencies !== null
      ? {
          propertyDependencies: Object.fromEntries(
            Object.entries(propertyDependencies).map(([key, urns]) => [key, kept(urns)]),
          ),
        }
      : {}),
    ...(typeof deletedWith === "string" && !gone.has(deletedWith) ? { deletedWith } : {}),
  };
}
