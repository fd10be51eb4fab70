import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { derivePassword, deriveTunnelSecret } from "../../../components/tenant/secrets.ts";
import { type OtlpReceiver, type SeenSpan, startOtlpReceiver, treeOf } from "../../otlp-receiver.ts";
import { until } from "../../until.ts";
import { startWorld, type World } from "../world.ts";

// A paid checkout on a server that exports its traces: what the collector gets, and what the log says of the same work.
let world: World;
let collector: OtlpReceiver;
const undo: (() => void)[] = [];
before(async () => {
  collector = await startOtlpReceiver({ after: (later) => void undo.push(later) });
  world = await startWorld({
    serverSettings: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "200" },
  });
  await world.sandbox.checkout({ subdomain: "acme", plan: "starter", email: "owner@acme.example", company: "Acme" });
});
after(async () => {
  await world?.close();
  for (const later of undo) later();
});

const operation = (): SeenSpan | undefined => collector.spans.find(({ name }) => name === "operation provision");

test("one trace holds the webhook, the job, the engine, every resource and the probe of a paid checkout", async () => {
  const provision = await until("the operation's span", operation, (span) => span !== undefined, 20_000);
  const { traceId = "" } = provision ?? {};
  const tree = treeOf(collector.spans, traceId);
  const at = (line: string): number => tree.indexOf(line);
  const path = [
    "POST /webhook/stripe",
    "  handle event",
    "    operation provision",
    "      claim",
    "      engine",
    "      probe",
  ];
  assert.deepEqual(
    path.map(at),
    path.map(at).toSorted((a, b) => a - b),
    tree.join("\n"),
  );
  assert.ok(!path.map(at).includes(-1), tree.join("\n"));
  assert.ok(at("    queue wait") > 0, tree.join("\n"));
  const steps = await created();
  assert.ok(steps.length >= 10);
  for (const type of steps)
    assert.ok(at(`        create ${type}`) > at("      engine"), `${type} is not in\n${tree.join("\n")}`);
  assert.deepEqual(
    collector.spans.filter((span) => span.traceId === traceId && span.failed).map(({ name }) => name),
    [],
  );
  assert.equal(provision?.attributes["odoosaas.subdomain"], "acme");
});

test("no secret leaves in a trace", () => {
  const { platform, sandbox } = world;
  const { masterKey } = platform;
  const secrets = [
    masterKey,
    platform.cloudflareApiToken,
    platform.postgresPassword,
    platform.sshPrivateKey.trim().split("\n").at(1) ?? "",
    sandbox.secrets.jwtSecret,
    sandbox.secrets.stripe.apiKey,
    sandbox.secrets.stripe.webhookSecret,
    sandbox.secrets.postgresRoles.odoosaas,
    sandbox.api.token,
    deriveTunnelSecret(masterKey, "acme"),
    derivePassword(masterKey, "acme", "postgres-role"),
    derivePassword(masterKey, "acme", "odoo-admin"),
  ];
  for (const secret of secrets) {
    assert.ok(secret.length >= 8);
    assert.ok(!collector.raw().includes(secret), `found ${secret.slice(0, 4)}…`);
  }
});

test("the log's lines of that work carry the ids of event, tenant, operation and trace", async () => {
  const file = join(world.sandbox.instance.directory, "logs", "api.log");
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const [row] = await world.sql<{ id: number; tenant: number; request: string }>(
    "select id::int, tenant_id::int as tenant, request_id as request from operations where kind = 'provision'",
    [],
    "odoosaas",
  );
  const done = lines.find(({ msg, kind }) => msg === "reconcile" && kind === "done");
  assert.deepEqual(
    [done?.["operationId"], done?.["tenantId"], done?.["requestId"]],
    [row?.id, row?.tenant, row?.request],
  );
  assert.match(row?.request ?? "", /^evt_/);
  const webhook = lines.find(
    ({ msg, eventId }) => String(msg).startsWith("POST /webhook/stripe 200") && eventId === row?.request,
  );
  assert.ok(webhook?.["requestId"], "the webhook's line");
  const handled = lines.find(({ eventId, msg }) => eventId === row?.request && String(msg).startsWith("subscription "));
  assert.deepEqual([handled?.["tenantId"], handled?.["traceId"]], [row?.tenant, operation()?.traceId]);
});

/** Types of the resources that the operation's row says were created. */
async function created(): Promise<string[]> {
  const rows = await world.sql<{ type: string }>(
    `select r->>'type' as type from operations, jsonb_array_elements(resources) r
     where kind = 'provision' and r->>'op' = 'create' and r->>'type' <> 'pulumi:pulumi:Stack'`,
    [],
    "odoosaas",
  );
  return rows.map(({ type }) => type);
}
