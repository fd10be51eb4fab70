import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../sandbox/cloudflare/world/api-error.ts";
import { checkConfiguration } from "../../../sandbox/cloudflare/world/tunnel-configuration.ts";

const last = { service: "http_status:404" };

const GOOD: Record<string, unknown> = {
  "no rules": {},
  "no rules in a list": { ingress: [] },
  "only the last rule": { ingress: [last] },
  "a tenant's rules": {
    ingress: [
      { hostname: "acme.example.com", path: "^/web/database(/|$)", service: "http_status:403" },
      {
        hostname: "acme.example.com",
        service: "http://127.0.0.1:8069",
        originRequest: { httpHostHeader: "acme.example.com", connectTimeout: 10 },
      },
      last,
    ],
  },
  "a wildcard": { ingress: [{ hostname: "*.example.com", service: "https://10.0.0.1" }, last] },
  "the last rule for any host": { ingress: [{ hostname: "*", service: "http://localhost:80" }] },
  "an address with an IPv6 host": { ingress: [{ hostname: "a.example.com", service: "http://[::1]:8069" }, last] },
  "a regular expression with RE2's flags": {
    ingress: [{ hostname: "a.example.com", path: "(?i)/Web", service: "http://x" }, last],
  },
  "null for what is not set": { ingress: [{ hostname: null, path: null, service: "http://x", originRequest: null }] },
};

for (const [what, config] of Object.entries(GOOD))
  test(`a configuration with ${what} is accepted`, () => checkConfiguration(config));

const BAD: Record<string, { config: unknown; because: RegExp }> = {
  "no object": { config: "ingress", because: /config/ },
  "a rule without service": { config: { ingress: [{ hostname: "a.example.com" }] }, because: /ingress\.0\.service/ },
  "a last rule for one host": {
    config: { ingress: [{ hostname: "a.example.com", service: "http://x" }] },
    because: /last ingress rule must match all URLs/,
  },
  "a last rule for one path": {
    config: { ingress: [{ path: "/x", service: "http://x" }] },
    because: /last ingress rule must match all URLs/,
  },
  "rules behind one for all": {
    config: { ingress: [{ service: "http://x" }, last] },
    because: /matches every hostname/,
  },
  "a port in the host name": {
    config: { ingress: [{ hostname: "a.example.com:80", service: "http://x" }, last] },
    because: /cannot contain a port/,
  },
  "a wildcard inside": {
    config: { ingress: [{ hostname: "a.*.example.com", service: "http://x" }, last] },
    because: /at most one wildcard/,
  },
  "two wildcards": {
    config: { ingress: [{ hostname: "*.*.example.com", service: "http://x" }, last] },
    because: /at most one wildcard/,
  },
  "a path on the origin": { config: { ingress: [{ service: "http://x/path" }] }, because: /do not support a path/ },
  "a slash on the origin": { config: { ingress: [{ service: "http://x/" }] }, because: /do not support a path/ },
  "no scheme": { config: { ingress: [{ service: "localhost:8069" }] }, because: /scheme and a hostname/ },
  "a status that is none": {
    config: { ingress: [{ service: "http_status:99" }] },
    because: /invalid HTTP status code/,
  },
  "a broken regular expression": {
    config: { ingress: [{ hostname: "a.example.com", path: "(", service: "http://x" }, last] },
    because: /Rule #1 has an invalid regex/,
  },
  "lookaround, which RE2 lacks": {
    config: { ingress: [{ hostname: "a.example.com", path: "^/(?!web)", service: "http://x" }, last] },
    because: /lookaround/,
  },
  "a timeout as text": {
    config: { ingress: [{ service: "http://x", originRequest: { connectTimeout: "10s" } }] },
    because: /connectTimeout/,
  },
};

for (const [what, { config, because }] of Object.entries(BAD))
  test(`a configuration with ${what} is refused`, () => {
    assert.throws(
      () => checkConfiguration(config),
      (error: unknown) =>
        error instanceof ApiError && error.code === 1056 && error.status === 400 && because.test(error.message),
    );
  });
