import { startCloudflare, type Cloudflare } from "../../../sandbox/cloudflare/server.ts";
import { CloudflareConfig, EdgeConfig, TunnelEdgeConfig } from "../../../sandbox/cloudflare/config.ts";
import type { TestContext } from "node:test";
import type { z } from "zod";
import { undoAfter } from "../../undo.ts";

export const ACCOUNT = "0123456789abcdef".repeat(2);
export const ZONE = "fedcba9876543210".repeat(2);
export const TOKEN = "token-of-a-test-".repeat(3);

/** An emulated account on free ports, in memory unless told otherwise, that is gone after the test. */
export async function startAccount(
  t: TestContext,
  settings: Partial<z.input<typeof CloudflareConfig>> = {},
  options: { now?: () => number; edge?: z.input<typeof EdgeConfig>; tunnelEdgePort?: number } = {},
): Promise<Cloudflare> {
  const cloudflare = CloudflareConfig.parse({
    port: 0,
    stateFile: ":memory:",
    accountId: ACCOUNT,
    zones: [{ id: ZONE, name: "example.com" }],
    tokens: [{ token: TOKEN, permissions: ["tunnel:edit", "dns:edit", "zone:edit", "zone-settings:edit"] }],
    ...settings,
  });
  const edge = EdgeConfig.parse(options.edge ?? { port: 0 });
  const tunnelEdge = TunnelEdgeConfig.parse({ port: options.tunnelEdgePort ?? 0 });
  const account = await startCloudflare({ cloudflare, edge, tunnelEdge }, options);
  undoAfter(t, () => account.close());
  return account;
}

export interface Envelope {
  success: boolean;
  errors: { code: number; message: string }[];
  result: unknown;
  result_info?: Record<string, number>;
}

/** One call of the API below /client/v4. */
export async function call(
  account: Cloudflare,
  method: string,
  path: string,
  body?: unknown,
  token: string | undefined = TOKEN,
) {
  const response = await fetch(`http://127.0.0.1:${account.ports.api}/client/v4${path}`, {
    method,
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const envelope = (await response.json()) as Envelope;
  return { status: response.status, headers: response.headers, code: envelope.errors[0]?.code, ...envelope };
}
