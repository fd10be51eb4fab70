import assert from "node:assert/strict";
import { test } from "node:test";
import { apiSettings, CheckedApiEnvironment } from "../../../automation/api/settings.ts";

const SECRET = "s".repeat(32);

test("a secret is all that must be set, and the server is then on loopback", () => {
  const settings = apiSettings(CheckedApiEnvironment.parse({ JWT_SECRET: SECRET }));
  assert.deepEqual(settings.listen, { host: "127.0.0.1", port: 4443, tls: undefined, behindProxy: false });
  assert.deepEqual(settings.tokens, { secrets: [SECRET], provider: undefined });
  assert.deepEqual(settings.corsOrigins, []);
});

test("lists are read, and half a pair is refused by the name of what is missing", () => {
  const env = {
    JWT_SECRET: `${SECRET}, ${"t".repeat(40)}`,
    CORS_ORIGINS: "https://a.example, http://localhost:3000",
    TRUST_PROXY: "10.0.0.0/8,loopback-not",
  };
  assert.equal(CheckedApiEnvironment.safeParse(env).error?.issues[0]?.path[0], "TRUST_PROXY");
  const settings = apiSettings(CheckedApiEnvironment.parse({ ...env, TRUST_PROXY: "10.0.0.0/8,::1" }));
  assert.deepEqual(
    [settings.tokens.secrets.length, settings.corsOrigins.length, settings.trustProxy, settings.listen.behindProxy],
    [2, 2, ["10.0.0.0/8", "::1"], true],
  );
  assert.equal(apiSettings(CheckedApiEnvironment.parse({ JWT_SECRET: SECRET, TRUST_PROXY: "1" })).trustProxy, 1);
  const missing = (more: Record<string, string>): string | undefined =>
    CheckedApiEnvironment.safeParse({ JWT_SECRET: SECRET, ...more })
      .error?.issues.map(({ path }) => path.join("."))
      .join();
  assert.equal(missing({ TLS_CERT_FILE: "/c.pem" }), "TLS_KEY_FILE");
  assert.equal(missing({ JWKS_URL: "https://id.example/jwks" }), "JWT_ISSUER,JWT_AUDIENCE");
  assert.equal(missing({ CORS_ORIGINS: "*" }), "CORS_ORIGINS");
  assert.equal(missing({ CORS_ORIGINS: "https://a.example/path" }), "CORS_ORIGINS");
  assert.equal(missing({ JWT_SECRET: `${SECRET},short` }), "JWT_SECRET");
});
