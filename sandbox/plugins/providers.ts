import type { ProviderStandIn } from "./framework/stand-in.ts";

/** The providers that have a stand-in, and the versions of the official plugins whose places they take. */
export const PROVIDERS = { cloudflare: "6.22.1", postgresql: "3.18.1", command: "1.2.1" } as const;
export type ProviderName = keyof typeof PROVIDERS;

export function isProviderName(name: string | undefined): name is ProviderName {
  return name !== undefined && Object.hasOwn(PROVIDERS, name);
}

/** Loads one provider only: a plugin's process starts with every engine run. */
export async function loadProvider(name: ProviderName): Promise<ProviderStandIn> {
  switch (name) {
    case "cloudflare":
      return (await import("./cloudflare/provider.ts")).cloudflareProvider() as ProviderStandIn;
    case "postgresql":
      return (await import("./postgresql/provider.ts")).postgresqlProvider as ProviderStandIn;
    case "command":
      return (await import("./command/provider.ts")).commandProvider;
  }
}
