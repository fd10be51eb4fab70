import { PLATFORM_SECRETS, PlatformSettings } from "../../components/settings/platform-settings.ts";
import { PROJECT } from "../../components/settings/stack-config.ts";
import type { Instance } from "../instance.ts";
import { HOST_ID, tunnelEdge } from "./host.ts";
import type { InstanceSecrets } from "./secrets.ts";

/** Plans that the sandbox offers, with their monthly prices at the emulated Stripe. */
export const PLANS = {
  starter: { settings: { connectionLimit: 20 }, price: "price_starter", unitAmount: 2_900 },
  business: { settings: { connectionLimit: 40, modules: ["contacts"] }, price: "price_business", unitAmount: 9_900 },
} as const;

/**
 * The platform's settings in the sandbox: the same as in production, with the emulators' addresses. `hostKey` is the
 * tenant host's public key line.
 */
export function platformSettings(instance: Instance, secrets: InstanceSecrets, hostKey: string): PlatformSettings {
  return PlatformSettings.parse({
    id: "sandbox",
    domain: instance.domain,
    publicUrl: `http://{host}:${instance.ports.edge}`,
    cloudflare: {
      accountId: secrets.cloudflare.accountId,
      zoneId: secrets.cloudflare.zoneId,
      baseUrl: `http://127.0.0.1:${instance.ports.cloudflare}/client/v4`,
    },
    postgres: { host: "127.0.0.1", port: instance.ports.postgres, user: "platform_admin", sslmode: "disable" },
    hosts: [
      {
        id: HOST_ID,
        address: instance.network.hostAddress,
        ssh: { hostKey },
        odoo: { version: "14.0", role: "odoo_h105" },
        postgresAddress: instance.network.gateway,
        edge: tunnelEdge(instance),
      },
    ],
    template: { languages: ["fr_FR", "de_DE", "es_ES"] },
    // The emulated Stripe's own page has a button that pays.
    suspendedPage: { payUrl: `http://127.0.0.1:${instance.ports.stripe}/?tenant={subdomain}` },
    plans: Object.fromEntries(Object.entries(PLANS).map(([name, plan]) => [name, plan.settings])),
    masterKey: secrets.masterKey,
    cloudflareApiToken: secrets.cloudflare.apiToken,
    postgresPassword: secrets.postgresRoles.platform_admin,
    sshPrivateKey: secrets.ssh.privateKey,
  });
}

/** Splits settings into what a stack's file shows and what it must hold encrypted, both by the file's keys. */
export function splitSecrets(settings: PlatformSettings): {
  plain: Record<string, unknown>;
  secret: Record<string, string>;
} {
  const isSecret = (key: string) => PLATFORM_SECRETS.some((name) => name === key);
  return {
    plain: Object.fromEntries(
      Object.entries(settings)
        .filter(([key]) => !isSecret(key))
        .map(([key, value]) => [`${PROJECT}:${key}`, value]),
    ),
    secret: Object.fromEntries(
      PLATFORM_SECRETS.flatMap((key) => (settings[key] === undefined ? [] : [[`${PROJECT}:${key}`, settings[key]]])),
    ),
  };
}
