import { readFileSync } from "node:fs";

/**
 * The environment names of the first users, which stay valid: CF_CREDENTIALS_FILE (lines ACCOUNT_ID=, ZONE_ID=,
 * CF_API_TOKEN=, CF_ACCOUNT_TAG=), CF_DOMAINS_FILE (one domain a line, the first is used), DOMAIN, and
 * CREATE_TENANT_SCRIPT (a file here, run on the tenants' hosts). They fill in what the stack's configuration does not
 * say; CLOUDFLARED_PATH and LXC_CONTAINER_ID become `cloudflaredPath` and `hostId`, defaults of its hosts.
 * Throws with the file's name when a named file cannot be read.
 */
export function legacyEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const credentials = env["CF_CREDENTIALS_FILE"] ? readAssignments(env["CF_CREDENTIALS_FILE"]) : {};
  const domain = env["DOMAIN"] ?? (env["CF_DOMAINS_FILE"] ? firstLine(env["CF_DOMAINS_FILE"]) : undefined);
  const accountId = credentials["ACCOUNT_ID"] ?? credentials["CF_ACCOUNT_TAG"];
  const cloudflare = {
    ...(accountId && { accountId }),
    ...(credentials["ZONE_ID"] && { zoneId: credentials["ZONE_ID"] }),
  };
  return {
    ...(domain && { domain }),
    ...(Object.keys(cloudflare).length > 0 && { cloudflare }),
    ...(env["CREATE_TENANT_SCRIPT"] && { createTenantScript: readFileSync(env["CREATE_TENANT_SCRIPT"], "utf8") }),
    ...(env["CLOUDFLARED_PATH"] && { cloudflaredPath: env["CLOUDFLARED_PATH"] }),
    ...(env["LXC_CONTAINER_ID"] && { hostId: Number(env["LXC_CONTAINER_ID"]) }),
    ...(credentials["CF_API_TOKEN"] && { cloudflareApiToken: credentials["CF_API_TOKEN"] }),
  };
}

function readAssignments(file: string): Record<string, string> {
  return Object.fromEntries(
    readFileSync(file, "utf8")
      .split("\n")
      .map((line) => /^\s*(?:export\s+)?([A-Z_]+)\s*=\s*(["']?)(.*?)\2\s*$/.exec(line))
      .filter((match) => match !== null)
      .map((match) => [match[1] ?? "", match[3] ?? ""]),
  );
}

function firstLine(file: string): string | undefined {
  return readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.trim())
    .find((line) => line !== "" && !line.startsWith("#"));
}
