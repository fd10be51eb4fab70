import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineFailure, Fenced, type FailureKind } from "../../../automation/engine/engine.ts";
import { classify } from "../../../automation/tenants/classify.ts";
import { TenantFailure } from "../../../automation/tenants/reasons.ts";

const urn = (type: string): string => `urn:pulumi:acme::odoosaas::odoosaas:tenant:Tenant$${type}::acme-part`;
const command = urn("command:remote:Command");
const postgres = urn("postgresql:index/database:Database");
const cloudflare = urn("cloudflare:index/dnsRecord:DnsRecord");

// What the providers say, shortened.
const SAID: readonly [string, string, string][] = [
  [command, "failed to dial: ssh: handshake failed: ssh: host key mismatch", "host-key-changed"],
  [command, "ssh: handshake failed: knownhosts: key mismatch", "host-key-changed"],
  [command, "after 10 failed attempts: dial tcp 172.16.16.105:22: connect: connection refused", "host-unreachable"],
  [command, "dial tcp 172.16.16.105:22: i/o timeout", "host-unreachable"],
  [
    command,
    "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey]",
    "host-login-refused",
  ],
  [command, 'Process exited with status 3: running "sudo -n /x/connector up": disk full', "host-script-failed"],
  [
    command,
    `Process exited with status 64: running "sudo -n /x/connector up": odoosaas: this host's commands are of another release than the program (here a, wanted b).`,
    "host-commands-other",
  ],
  [
    postgres,
    'error detecting capabilities: pq: password authentication failed for user "admin"',
    "postgres-login-refused",
  ],
  [postgres, "dial tcp 10.0.0.5:5432: connect: connection refused", "postgres-unreachable"],
  [postgres, "pq: the database system is starting up", "postgres-unreachable"],
  [
    postgres,
    "error connecting to PostgreSQL server 127.0.0.1: pq: remaining connection slots are reserved for non-replication superuser connections",
    "postgres-full",
  ],
  [
    command,
    'Process exited with status 2: running "sudo -n /x/odoo-database up": psql: error: FATAL:  sorry, too many clients already',
    "postgres-full",
  ],
  [postgres, 'pq: source database "odoo_template" is being accessed by other users', "postgres-error"],
  [
    cloudflare,
    'POST "https://api.cloudflare.com/...": 403 Forbidden {"errors":[{"code":10000,"message":"Authentication error"}]}',
    "cloudflare-refused",
  ],
  [cloudflare, "429 Too Many Requests: More than 1200 requests per 300 seconds reached", "cloudflare-limit"],
  [cloudflare, "500 Internal Server Error", "cloudflare-unreachable"],
  [cloudflare, "read tcp: connection reset by peer", "cloudflare-unreachable"],
  [cloudflare, '400 Bad Request {"code":81057,"message":"Record already exists."}', "cloudflare-error"],
  [
    urn("command:local:Command"),
    'exit status 1: running "node --input-type=module -":\nCloudflare answered 429 to GET of the tunnel\'s connections; Retry-After: 300: {}',
    "cloudflare-limit",
  ],
  [
    urn("command:local:Command"),
    'exit status 1: running "node":\nCloudflare answered 403 to DELETE of the tunnel\'s connections: {}',
    "cloudflare-refused",
  ],
  [
    urn("command:local:Command"),
    'exit status 1: running "node":\nCloudflare did not answer: connect ECONNREFUSED',
    "cloudflare-unreachable",
  ],
  [
    "urn:pulumi:acme::odoosaas::pulumi:pulumi:Stack::odoosaas-acme",
    'Unhandled exception: Error: error serializing property "outputs": error serializing property "stdin": invocation of cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken returned an error: failed to make http request: GET "https://api.cloudflare.com/": 429 Too Many Requests',
    "cloudflare-limit",
  ],
  ["", 'this platform has no plan "gold"', "settings-invalid"],
  ["", `"x.odoo.example.com" lies below this platform's domain odoo.example.com`, "settings-invalid"],
  ["", "something else", "engine-failed"],
];

for (const [of, message, reason] of SAID) {
  test(`"${message.slice(0, 70)}" is ${reason}`, () => {
    const error = failure("failed", [{ urn: of, message }]);
    assert.equal(classify(error).reason, reason);
  });
}

test("the provider of the resource decides, not words in the message", () => {
  const error = failure("failed", [
    { urn: cloudflare, message: "dial tcp 104.16.0.1:443: connect: connection refused" },
  ]);
  assert.equal(classify(error).reason, "cloudflare-unreachable");
});

test("the first error with a known reason counts, not the engine's summary", () => {
  const error = failure("failed", [{ message: "update failed" }, { urn: command, message: "dial tcp: i/o timeout" }]);
  assert.deepEqual(classify(error), { reason: "host-unreachable", detail: "acme-part: dial tcp: i/o timeout" });
});

test("Cloudflare's limit counts before all else that failed with it: it passes by itself", () => {
  const error = failure("failed", [
    { urn: command, message: "Process exited with status 3" },
    { urn: cloudflare, message: "429 Too Many Requests" },
  ]);
  assert.equal(classify(error).reason, "cloudflare-limit");
});

test("failures of the engine itself and of the server are told apart", () => {
  assert.equal(classify(failure("locked", [])).reason, "lock-held");
  assert.equal(classify(failure("engine", [])).reason, "engine-unavailable");
  assert.equal(classify(failure("aborted", [])).reason, "interrupted");
  assert.equal(classify(new Fenced("tenant 7")).reason, "interrupted");
  assert.deepEqual(classify(new TenantFailure("name-taken", "the tunnel")), {
    reason: "name-taken",
    detail: "the tunnel",
  });
  assert.equal(classify(new TypeError("x is not a function")).reason, "unexpected");
});

function failure(kind: FailureKind, said: { urn?: string; message: string }[]): EngineFailure {
  const diagnostics = said.map((each) => ({ severity: "error" as const, ...each }));
  return new EngineFailure(kind, "the engine's text", {
    changes: {},
    resources: [],
    diagnostics,
    outputs: {},
    timings: {},
  });
}
