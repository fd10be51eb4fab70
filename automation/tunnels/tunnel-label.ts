import { createHash } from "node:crypto";
import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { Subdomain } from "../../components/tenant/subdomain.ts";
import { InvalidHostname } from "./errors.ts";
import type { NewStandaloneTunnel } from "./standalone-tunnels.ts";

/** The label of a new tunnel's host name. Pure. Throws InvalidHostname for one that the platform cannot serve. */
export function labelOf(
  { hostname, subscriptionId }: Pick<NewStandaloneTunnel, "hostname" | "subscriptionId">,
  { domain, reservedSubdomains }: Pick<PlatformSettings, "domain" | "reservedSubdomains">,
): string {
  if (hostname === undefined) return labelOfSubscription(subscriptionId);
  const suffix = `.${domain}`;
  const label = hostname.endsWith(suffix) ? hostname.slice(0, -suffix.length) : "";
  // Cloudflare's certificate covers one label below the zone's name.
  if (label === "" || label.includes("."))
    throw new InvalidHostname(
      `"${hostname}" does not lie right below this platform's domain ${domain}`,
      hostname,
      domain,
    );
  const read = Subdomain.safeParse(label);
  if (!read.success)
    throw new InvalidHostname(`"${hostname}": ${read.error.issues[0]?.message ?? ""}`, hostname, domain);
  if (reservedSubdomains.includes(label))
    throw new InvalidHostname(`"${hostname}" is reserved by this platform`, hostname, domain);
  return label;
}

/**
 * `sub_1PqRsT` -> `sub-1pqrst-5a3c1e`: the same for the same subscription, and another for another, though ids differ by
 * case and a label does not.
 */
function labelOfSubscription(subscriptionId: string): string {
  const readable = subscriptionId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")
    .slice(0, 24)
    .replace(/-$/, "");
  const hash = createHash("sha256").update(subscriptionId).digest("hex").slice(0, 6);
  // "--" as third and fourth character would be an internationalised name: "ab-" is followed by the hash's hyphen.
  return readable.length < 3 ? `tunnel-${hash}` : `${readable}-${hash}`;
}
