import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { StackTable } from "../tenants/stack-row.ts";

/** A tunnel to look at. */
export interface ProbeTarget {
  /** Of the tunnel, whatever it is called now. */
  readonly key: string;
  /** Public URL, `https://acme.example.com`. */
  readonly url: string;
  /**
   * What a connected tunnel answers here: 200, or 503 by the ingress rule of a suspended tenant. `any`: whatever a
   * container answers that is no tenant.
   */
  readonly expectStatus: number | "any";
  readonly path: string;
  /** The row that says whether visitors get through; absent where it always says no (a suspended tenant). */
  readonly row?: TunnelRow;
}

/** As it was read; what is written belongs to this version of it. */
export interface TunnelRow {
  readonly table: StackTable["name"];
  readonly id: number;
  readonly active: boolean;
  readonly updatedAt: Date;
}

export interface ProbeResult {
  readonly ok: boolean;
  /** From the request to the answer's headers. */
  readonly ms: number;
  readonly status: number | undefined;
  /** Why it is not ok, in words. */
  readonly problem: string | undefined;
}

/** Never throws: what goes wrong is the result. */
export type EdgeProbe = (target: ProbeTarget, signal?: AbortSignal) => Promise<ProbeResult>;

export interface EdgeProbeOptions {
  /** `host:port` of the edge, when names are not to be looked up in public DNS. */
  readonly edgeAddress?: string | undefined;
  /** Milliseconds. Default 5 s. */
  readonly timeout?: number;
}

/** One HEAD request by the tunnel's public name. Connections to the edge are kept, so the time is the tunnel's. */
export function edgeProbe(options: EdgeProbeOptions = {}): EdgeProbe & { close(): void } {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true, maxSockets: 20 }),
    "https:": new HttpsAgent({ keepAlive: true, maxSockets: 20 }),
  };
  const edge = parseAddress(options.edgeAddress);

  const probe = async (target: ProbeTarget, signal?: AbortSignal): Promise<ProbeResult> => {
    const url = new URL(target.path, target.url);
    const secure = url.protocol === "https:";
    const timeout = AbortSignal.timeout(options.timeout ?? 5_000);
    const began = performance.now();
    const took = (): number => Math.round((performance.now() - began) * 10) / 10;
    try {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const asked = (secure ? httpsRequest : httpRequest)({
          method: "HEAD",
          host: edge?.host ?? url.hostname,
          port: edge?.port ?? (url.port === "" ? undefined : Number(url.port)),
          path: url.pathname,
          servername: url.hostname,
          headers: { host: url.host, "user-agent": "odoosaas-probe" },
          agent: secure ? agents["https:"] : agents["http:"],
          signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        });
        asked.once("response", resolve).once("error", reject).end();
      });
      const ms = took();
      answer.resume();
      const status = answer.statusCode ?? 0;
      const expected = target.expectStatus;
      const ok = expected === "any" ? !OF_THE_WAY.has(status) : status === expected;
      return { ok, ms, status, problem: ok ? undefined : meaning(status, expected) };
    } catch {
      return {
        ok: false,
        ms: took(),
        status: undefined,
        problem: timeout.aborted ? "no answer in time" : "the edge does not answer",
      };
    }
  };
  return Object.assign(probe, {
    close: () => {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  });
}

function parseAddress(text: string | undefined): { host: string; port: number } | undefined {
  if (text === undefined) return undefined;
  const at = text.lastIndexOf(":");
  return { host: text.slice(0, at).replaceAll(/[[\]]/g, ""), port: Number(text.slice(at + 1)) };
}

/** Answers of the edge or the connector, which no visitor got from behind them. */
const OF_THE_WAY: ReadonlySet<number> = new Set([502, 504, 530]);

/** https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/ */
function meaning(status: number, expected: number | "any"): string {
  if (status === 530) return "no connector is connected (1033), or the record leads nowhere";
  if (status === 502 || status === 504) return "the connector cannot reach Odoo, or the container";
  if (status === 404) return "no ingress rule has this name";
  return `answered ${status} instead of ${expected}`;
}
