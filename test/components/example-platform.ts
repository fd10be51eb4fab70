import { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { TenantSettings } from "../../components/settings/tenant-settings.ts";

/** A platform as production has it, with made-up secrets that are easy to find where they must not be. */
export function examplePlatform(changes: Record<string, unknown> = {}): PlatformSettings {
  return PlatformSettings.parse({
    id: "prod",
    domain: "odoo.example.com",
    cloudflare: { accountId: "0123456789abcdef0123456789abcdef", zoneId: "fedcba9876543210fedcba9876543210" },
    postgres: { host: "10.0.0.5", user: "platform_admin" },
    hosts: [
      {
        id: 105,
        address: "172.16.16.105",
        ssh: { hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExam" },
        odoo: { role: "odoo_h105" },
      },
    ],
    template: {},
    plans: { starter: {}, business: { connectionLimit: 40, modules: ["sale"] } },
    masterKey: "CANARY-master-key-CANARY-master-key-CANARY",
    cloudflareApiToken: "CANARYcloudflareTOKENCANARYcloudflareTOKEN",
    postgresPassword: "CANARY-postgres-password",
    sshPrivateKey: "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY\n-----END OPENSSH PRIVATE KEY-----\n",
    ...changes,
  });
}

export function exampleTenant(changes: Record<string, unknown> = {}): TenantSettings {
  return TenantSettings.parse({
    subdomain: "acme",
    plan: "starter",
    hostId: 105,
    adminEmail: "owner@acme.example",
    ...changes,
  });
}
