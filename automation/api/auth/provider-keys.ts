import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTVerifyGetKey } from "jose";

/** The identity provider's keys cannot be had, so nothing is known about a token of its: it is not refused for good. */
export class ProviderUnavailable extends Error {
  override readonly name = "ProviderUnavailable";
}

/** What the provider's answer says about a token; anything else is about the provider. */
const ABOUT_THE_TOKEN = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

const TIMEOUT_MS = 5_000;
/** While the provider is away its last keys are taken for so long, and not longer: it may have withdrawn one since. */
const OUTLIVED_MS = 3_600_000;

/**
 * The keys at a provider's `jwks_uri`, read again every ten minutes, and for a key that is not among them at most every
 * 30 s (jose's own). Throws ProviderUnavailable when they cannot be had.
 */
export function providerKeys(url: string): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(url), { timeoutDuration: TIMEOUT_MS });
  let good = -Infinity;
  return async (header, token) => {
    try {
      const key = await remote(header, token);
      good = Date.now();
      return key;
    } catch (error) {
      if (ABOUT_THE_TOKEN.some((kind) => error instanceof kind)) throw error;
      const last = Date.now() - good < OUTLIVED_MS ? remote.jwks() : undefined;
      const known = last && (await createLocalJWKSet(last)(header, token).catch(() => undefined));
      if (known !== undefined) return known;
      throw new ProviderUnavailable("the identity provider's keys could not be read", { cause: error });
    }
  };
}
