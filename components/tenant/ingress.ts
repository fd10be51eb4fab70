import type { input } from "@pulumi/cloudflare/types/index.js";

export type IngressRule = input.ZeroTrustTunnelCloudflaredConfigConfigIngress;

export interface LiveRoute {
  /** First segment of the path: `longpolling` or `websocket`. */
  route: string;
  /** `http://127.0.0.1:8072` */
  origin: string;
}

export interface IngressArgs {
  /** Host names, the tenant's own first, then the customer's domains. */
  hostnames: readonly string[];
  /** Odoo's address as the connector reaches it, `http://127.0.0.1:8069`. */
  origin: string;
  /** Odoo's gevent process; absent when Odoo runs threaded and serves this route itself. */
  live?: LiveRoute | undefined;
  /** What a suspended tenant's host names lead to: `http_status:503`, or the host's page; absent for a running one. */
  suspendedService?: string | undefined;
}

/**
 * The tunnel's ingress rules, first match wins, as cloudflared reads them:
 * https://developers.cloudflare.com/cloudflare-one/connections/connect-networks/configure-tunnels/local-management/ingress/
 *
 * `httpHostHeader` makes cloudflared overwrite X-Forwarded-Host, which Odoo trusts behind a proxy: a visitor cannot
 * name a neighbour there and be served the neighbour's database. The database manager is closed here as well as in
 * Odoo, so that one forgotten setting does not open it; cloudflared matches the path as it came, doubled slashes too.
 */
export function ingressRules(args: IngressArgs): IngressRule[] {
  const rules = args.hostnames.flatMap((hostname): IngressRule[] => {
    if (args.suspendedService) return [{ hostname, service: args.suspendedService }];
    const originRequest = { httpHostHeader: hostname };
    return [
      { hostname, path: "^/+web/+database(/|$)", service: "http_status:403" },
      ...(args.live ? [{ hostname, path: `^/${args.live.route}(/|$)`, service: args.live.origin, originRequest }] : []),
      { hostname, service: args.origin, originRequest },
    ];
  });
  return [...rules, { service: "http_status:404" }];
}
