import { FieldError } from "../../components/field-error.ts";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { TenantSettings } from "../../components/settings/tenant-settings.ts";
import { InvalidSubdomain, UnknownPlan } from "./errors.ts";
import type { Tenant } from "./tenant.ts";

/** Names of the API's fields for the keys of a tenant's settings. */
const FIELDS: Readonly<Record<string, string>> = {
  subdomain: "subdomain",
  plan: "plan_type",
  hostId: "container_id",
  port: "local_port",
  adminEmail: "customer_email",
  companyName: "company_name",
  language: "language",
  country: "country",
  customDomains: "custom_domains",
};

/** What of a wish is new, and so must be possible now. What a tenant has already it keeps, whatever the configuration says. */
export interface NewInWish {
  /** The tenant is made. */
  readonly subdomain: boolean;
  readonly plan: boolean;
  readonly customDomains: boolean;
}

/** Throws the FieldError of the first value that cannot become a stack; what passes here is not refused by the engine. */
export function checkWish(
  tenant: Pick<Tenant, "subdomain" | "planType" | "containerId" | "localPort" | "customerEmail" | "settings">,
  platform: Pick<PlatformSettings, "domain" | "plans" | "reservedSubdomains">,
  isNew: NewInWish,
): void {
  const { subdomain, planType: plan, containerId: hostId, localPort, customerEmail: adminEmail, settings } = tenant;
  const { companyName, language, country, customDomains } = settings;
  const candidate = {
    subdomain,
    plan,
    hostId,
    port: localPort ?? undefined,
    adminEmail,
    companyName,
    language,
    country,
    customDomains: customDomains ?? [],
  };
  const read = TenantSettings.safeParse(candidate);
  if (!read.success) {
    const issue = read.error.issues[0];
    const key = String(issue?.path[0] ?? "settings");
    const field = FIELDS[key] ?? `settings.${key}`;
    const value = candidate[key as keyof typeof candidate];
    const message = `${JSON.stringify(value)} is not a valid ${field}: ${issue?.message ?? ""}`;
    if (field === "subdomain")
      throw new InvalidSubdomain(message, {
        field,
        value,
        remedy: "Choose 3 to 32 characters of a-z, 0-9 and -, not reserved.",
      });
    throw new FieldError(message, {
      field,
      value,
      remedy: `Correct ${field}, and send the request again.`,
    });
  }
  if (isNew.subdomain && platform.reservedSubdomains.includes(subdomain)) {
    throw new InvalidSubdomain(`"${subdomain}" is reserved by this platform`, {
      field: "subdomain",
      value: subdomain,
      remedy: "Choose another subdomain.",
    });
  }
  const below = candidate.customDomains.find((name) => `.${name}`.endsWith(`.${platform.domain}`));
  if (isNew.customDomains && below !== undefined) {
    throw new FieldError(`"${below}" lies below this platform's domain ${platform.domain}`, {
      field: "custom_domains",
      value: below,
      remedy: "Use a domain of the customer's own.",
    });
  }
  if (isNew.plan && platform.plans[plan] === undefined) throw new UnknownPlan(plan, Object.keys(platform.plans));
}
