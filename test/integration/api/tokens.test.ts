import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { exportJWK, SignJWT } from "jose";
import { tokenVerifier, TokenRefused } from "../../../automation/api/auth/tokens.ts";
import { claims } from "./claims.ts";
import { type Answer, SECRET, SETTINGS, startTestApi } from "./fixture.ts";

test("while a secret is being changed, tokens of both are taken and the first one signs", async () => {
  const old = "an-old-secret-for-tests-of-32-characters";
  const verify = tokenVerifier({ secrets: [SECRET, old] });
  assert.partialDeepStrictEqual(await verify(await claims({ secret: old })), { subject: "tester", role: "admin" });
  assert.partialDeepStrictEqual(await verify(await claims({ role: "viewer" })), { subject: "tester", role: "viewer" });
  await assert.rejects(tokenVerifier({ secrets: [SECRET] })(await claims({ secret: old })), TokenRefused);
  const exp = Math.floor(Date.now() / 1_000) + 90;
  const { expiresAt } = await verify(await claims({ exp }));
  assert.equal(expiresAt.getTime(), (exp + 5) * 1_000, "with the tolerance for clocks that differ");
});

test("tokens without an end, a subject or a signature are refused", async () => {
  const verify = tokenVerifier({ secrets: [SECRET] });
  const endless = await new SignJWT({ role: "admin" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("x")
    .setIssuer("odoosaas")
    .setAudience("odoosaas-api")
    .sign(Buffer.from(SECRET));
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = { sub: "x", role: "admin", iss: "odoosaas", aud: "odoosaas-api", exp: 9_999_999_999 };
  const unsigned = `${part({ alg: "none" })}.${part(body)}.`;
  for (const token of [
    endless,
    await claims({ sub: "" }),
    unsigned,
    await claims({ alg: "HS512", secret: SECRET.repeat(2) }),
  ]) {
    await assert.rejects(verify(token), TokenRefused);
  }
});

interface Provider {
  readonly settings: { jwksUrl: string; issuer: string; audience: string };
  readonly publicKey: KeyObject;
  /** Another than 200 is an outage. */
  status: number;
  sign(more?: { aud?: string; kid?: string }): Promise<string>;
}

async function startProvider(t: Pick<TestContext, "after">): Promise<Provider> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "RS256", use: "sig" };
  const keys = createServer((_req, res) =>
    res.writeHead(provider.status, { "content-type": "application/json" }).end(JSON.stringify({ keys: [jwk] })),
  ).listen(0, "127.0.0.1");
  t.after(() => keys.close());
  await once(keys, "listening");
  const jwksUrl = `http://127.0.0.1:${(keys.address() as AddressInfo).port}/jwks`;
  const settings = { jwksUrl, issuer: "https://id.example.com", audience: "tenants" };
  const provider: Provider = {
    settings,
    publicKey,
    status: 200,
    sign: ({ aud = settings.audience, kid = "k1" } = {}) =>
      new SignJWT({ role: "operator" })
        .setProtectedHeader({ alg: "RS256", kid })
        .setSubject("ada")
        .setIssuer(settings.issuer)
        .setAudience(aud)
        .setExpirationTime("3h")
        .sign(privateKey),
  };
  return provider;
}

test("an identity provider's tokens are taken, and its public key signs nothing", async (t) => {
  const provider = await startProvider(t);
  const { issuer, audience } = provider.settings;
  const verify = tokenVerifier({ secrets: [SECRET], provider: provider.settings });
  assert.partialDeepStrictEqual(await verify(await provider.sign()), { subject: "ada", role: "operator" });
  await assert.rejects(verify(await provider.sign({ aud: "other" })), /"aud" is not accepted/);
  await assert.rejects(verify(await provider.sign({ kid: "k2" })), TokenRefused);
  const pem = provider.publicKey.export({ type: "spki", format: "pem" }).toString();
  const confused = await new SignJWT({ role: "admin" })
    .setProtectedHeader({ alg: "HS256", kid: "k1" })
    .setSubject("eve")
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime("1m")
    .sign(Buffer.from(pem));
  await assert.rejects(verify(confused), TokenRefused);
  assert.partialDeepStrictEqual(await verify(await claims()), { subject: "tester", role: "admin" });
});

test("while an identity provider is away, its tokens are no failed sign-ins, and its last keys are taken for an hour", async (t) => {
  const provider = await startProvider(t);
  provider.status = 500;
  const verify = tokenVerifier({ secrets: [SECRET], provider: provider.settings });
  const api = await startTestApi(t, { verify, settings: { ...SETTINGS, failedSignIns: 1 } });
  const ask = async (token: string): Promise<Answer> => api.call("GET", "/api/plans", { token });
  const token = await provider.sign();
  for (let n = 0; n < 3; n++) {
    const { status, headers, at } = await ask(token);
    assert.deepEqual([status, headers.get("retry-after"), at("type")], [503, "5", "/problems/Unavailable"]);
  }
  assert.equal((await ask(await claims())).status, 200, "the server's own tokens need no provider");
  provider.status = 200;
  assert.equal((await ask(token)).status, 200);
  provider.status = 500;
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 59 * 60_000 });
  assert.equal((await ask(token)).status, 200);
  assert.equal((await ask(await provider.sign({ kid: "a newer one" }))).status, 503);
  t.mock.timers.setTime(Date.now() + 61 * 60_000);
  assert.equal((await ask(token)).status, 503);
});
