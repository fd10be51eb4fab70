import type { Failure } from "../framework/check.ts";
import type { ProviderStandIn } from "../framework/stand-in.ts";
import type { Properties } from "../framework/value.ts";
import { CloudflareApi, type ApiSettings } from "./api.ts";
import { dnsRecord } from "./dns-record.ts";
import { getZone, tunnelToken } from "./functions.ts";
import { schema } from "./schema.ts";
import { tunnel } from "./tunnel.ts";
import { tunnelConfig } from "./tunnel-config.ts";
import { zone } from "./zone.ts";

const BASE_URL = "https://api.cloudflare.com/client/v4/";
// https://github.com/cloudflare/terraform-provider-cloudflare: internal/provider.go, validators of the settings
const FORMS = {
  apiToken: /^[0-9A-Za-z\-_]{40,80}$/,
  apiKey: /^[0-9A-Za-z\-_]{37,60}$/,
} as const;

/** Stands in for the Cloudflare provider. `pause` waits between repeated requests; tests replace it. */
export function cloudflareProvider(options: Pick<ApiSettings, "pause"> = {}): ProviderStandIn<CloudflareApi> {
  return {
    schema,
    checkConfig,
    configure: (config) => new CloudflareApi({ ...apiSettings(config, process.env), ...options }),
    resources: [tunnel, tunnelConfig, dnsRecord, zone],
    functions: [tunnelToken, getZone],
  };
}

function checkConfig(config: Properties): Failure[] {
  const failures: Failure[] = [];
  for (const [name, form] of Object.entries(FORMS)) {
    const value = config[name];
    if (typeof value === "string" && !form.test(value))
      failures.push({ path: name, reason: `Invalid Attribute Value Match. It must match ${form.source}` });
  }
  return failures;
}

/** What the program gives goes before the environment (CLOUDFLARE_API_TOKEN and so on). */
export function apiSettings(config: Properties, env: NodeJS.ProcessEnv): ApiSettings {
  const setting = (name: string, variable: string): string | undefined => {
    const given = config[name] ?? env[variable];
    return typeof given === "string" && given !== "" ? given : undefined;
  };
  const baseUrl = setting("baseUrl", "CLOUDFLARE_BASE_URL") ?? BASE_URL;
  const token = setting("apiToken", "CLOUDFLARE_API_TOKEN");
  const key = setting("apiKey", "CLOUDFLARE_API_KEY");
  const email = setting("email", "CLOUDFLARE_EMAIL");
  const serviceKey = setting("apiUserServiceKey", "CLOUDFLARE_API_USER_SERVICE_KEY");
  const headers: Record<string, string> = { "user-agent": `pulumi-cloudflare/${schema.version} (sandbox stand-in)` };
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  else if (key !== undefined && email !== undefined)
    Object.assign(headers, { "x-auth-key": key, "x-auth-email": email });
  else if (serviceKey !== undefined) headers["x-auth-user-service-key"] = serviceKey;
  else
    throw new Error(
      'must provide one of "apiToken", "apiKey" with "email", or "apiUserServiceKey": set apiToken on the provider, or CLOUDFLARE_API_TOKEN',
    );
  return { baseUrl: baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`, headers };
}
