import { z } from "zod";
import { SettingsError } from "../field-error.ts";
import { PLATFORM_SECRETS, PlatformSettings } from "./platform-settings.ts";
import { TenantSettings } from "./tenant-settings.ts";
import { TunnelSettings } from "./tunnel-settings.ts";

/** The project's name, and so the namespace of its stacks' configuration. */
export const PROJECT = "odoosaas";

/** What one stack's configuration asks for. */
export type StackConfig =
  | { kind: "platform"; settings: PlatformSettings }
  | { kind: "tenant"; platformStack: string; tenant: TenantSettings }
  | { kind: "tunnel"; platformStack: string; tunnel: TunnelSettings };

const PLATFORM_STACK = z
  .string()
  .regex(/^organization\/[\w.-]+\/[\w.-]+$/, "must be a stack's full name, such as organization/odoosaas/prod")
  .default(`organization/${PROJECT}/prod`);

/**
 * Reads a stack's whole configuration (`pulumi.runtime.allConfig()`: keys `odoosaas:<key>`, objects as JSON) and
 * throws SettingsError with every problem at once, each with its key and the way out. A stack with the key `tenant`
 * is a tenant's, one with `tunnel` that of a container's own tunnel, any other the platform's. Keys the platform's
 * configuration lacks are taken from the first users' environment (`legacy`, see legacy-environment.ts).
 */
export function readStackConfig(
  all: Readonly<Record<string, string>>,
  legacy: Readonly<Record<string, unknown>> = {},
): StackConfig {
  const own = Object.fromEntries(
    Object.entries(all)
      .filter(([key]) => key.startsWith(`${PROJECT}:`))
      .map(([key, value]) => [key.slice(PROJECT.length + 1), value]),
  );
  if (own["tenant"] !== undefined) {
    const Tenant = z.strictObject({ platform: PLATFORM_STACK, tenant: TenantSettings });
    const read = parse("This tenant's stack configuration", Tenant, decode(Tenant, own));
    return { kind: "tenant", platformStack: read.platform, tenant: read.tenant };
  }
  if (own["tunnel"] !== undefined) {
    const Tunnel = z.strictObject({ platform: PLATFORM_STACK, tunnel: TunnelSettings });
    const read = parse("This tunnel's stack configuration", Tunnel, decode(Tunnel, own));
    return { kind: "tunnel", platformStack: read.platform, tunnel: read.tunnel };
  }
  const settings = parse(
    "The platform's stack configuration",
    PlatformSettings,
    merge(legacy, decode(PlatformSettings, own)),
    Object.keys(own).length === 0 ? FOR_A_TENANT : undefined,
  );
  const problems = crossProblems(settings);
  if (problems.length > 0) throw new SettingsError("The platform's stack configuration", problems);
  return { kind: "platform", settings };
}

/** Pulumi keeps objects as JSON text; strings stay as they are. */
function decode(schema: z.ZodObject, own: Record<string, string>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(own).map(([key, text]) => {
      const field = schema.shape[key] as z.ZodType | undefined;
      if (!field || innermost(field) instanceof z.ZodString) return [key, text];
      try {
        return [key, JSON.parse(text) as unknown];
      } catch {
        return [key, text];
      }
    }),
  );
}

function innermost(field: z.ZodType): z.ZodType {
  let inner = field;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) inner = inner.unwrap() as z.ZodType;
  return inner;
}

function merge(legacy: Readonly<Record<string, unknown>>, over: Record<string, unknown>): Record<string, unknown> {
  const { cloudflaredPath, hostId, ...under } = legacy;
  const merged: Record<string, unknown> = { ...under, ...over };
  if (Array.isArray(over["hosts"])) {
    merged["hosts"] = over["hosts"].map((host: unknown) =>
      isRecord(host)
        ? {
            ...(cloudflaredPath !== undefined && { cloudflaredPath }),
            ...(hostId !== undefined && { id: hostId }),
            ...host,
          }
        : host,
    );
  }
  for (const [key, value] of Object.entries(under)) {
    if (isRecord(value) && isRecord(over[key])) merged[key] = { ...value, ...over[key] };
  }
  return merged;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whoever previews a tenant's stack without its file sees the platform's problems, which are none of his. */
const FOR_A_TENANT =
  "If this is a tenant's stack, write its file first: npm run -s cli -- tenants config acme > Pulumi.acme.yaml";

function parse<T>(subject: string, schema: z.ZodType<T>, value: unknown, advice?: string): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new SettingsError(
    subject,
    read.error.issues.flatMap((issue) => describe(issue, value)),
    advice,
  );
}

function describe(issue: z.core.$ZodIssue, root: unknown): string[] {
  const key = `${PROJECT}:${issue.path.map((part, index) => (typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${String(part)}`)).join("")}`;
  const secret = PLATFORM_SECRETS.some((name) => issue.path[0] === name);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((name) =>
      issue.path.length === 0
        ? `${PROJECT}:${name}: no such setting; remove it with: pulumi config rm '${PROJECT}:${name}'`
        : `${key}.${name}: no such setting; remove it with: pulumi config rm --path '${key}.${name}'`,
    );
  }
  const value = issue.path.reduce<unknown>(
    (at, part) => (isRecord(at) || Array.isArray(at) ? (at as Record<PropertyKey, unknown>)[part] : undefined),
    root,
  );
  const flags = `${secret ? "--secret " : ""}${issue.path.length > 1 ? "--path " : ""}`;
  if (value === undefined && issue.path.length === 1 && issue.code === "invalid_type" && issue.expected !== "string")
    return [`${key}: is missing; write it into the stack's file, as Pulumi.prod.yaml shows`];
  if (value === undefined)
    return [`${key}: is missing; set it with: pulumi config set ${flags}'${key}' ${secret ? "" : "<value>"}`.trimEnd()];
  return [
    `${key}: ${secret ? "(secret)" : JSON.stringify(value)}: ${issue.message}; correct it with: pulumi config set ${flags}'${key}'`,
  ];
}

/** What one value says about another. */
function crossProblems(settings: PlatformSettings): string[] {
  const problems: string[] = [];
  const seen = new Set<number>();
  for (const [index, host] of settings.hosts.entries()) {
    if (seen.has(host.id))
      problems.push(`${PROJECT}:hosts[${index}].id: ${host.id} is used twice; give each host its own number`);
    seen.add(host.id);
    if (host.ssh.user === host.ssh.adminUser) {
      problems.push(
        `${PROJECT}:hosts[${index}].ssh.user: "${host.ssh.user}" is ssh.adminUser too; the platform's own account must not be an administrator`,
      );
    }
    if (host.odoo.role === settings.template?.role) {
      problems.push(
        `${PROJECT}:hosts[${index}].odoo.role: "${host.odoo.role}" is the template's role too; the owner of the template's contents must own no database`,
      );
    }
  }
  if (Object.keys(settings.plans).length === 0) problems.push(`${PROJECT}:plans: is empty; name at least one plan`);
  if (!settings.publicUrl.startsWith("http://") && !settings.publicUrl.startsWith("https://")) {
    problems.push(
      `${PROJECT}:publicUrl: "${settings.publicUrl}" must begin with https:// (or http:// on a test machine)`,
    );
  }
  return problems;
}
