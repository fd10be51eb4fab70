import { Priority } from "../../queue/queue.ts";
import type { AcceptedTunnel, TunnelOptions } from "../../tunnels/standalone-tunnels.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, type Call, endpoint } from "../http/endpoint.ts";
import { acceptTunnelOnce, answerTunnel, changedResponses, standaloneName } from "./accepted-tunnel.ts";
import { answerPreview, previewResponses } from "./previews.ts";
import { ifMatch } from "./tenants.ts";
import { TunnelId } from "./tunnel-shapes.ts";

const retry = endpoint({
  route: "POST /api/tunnels/{id}/retry",
  tag: "Tunnels",
  summary: "Run a container's tunnel again",
  description:
    "Makes, or removes, it once more: whatever it failed at; a converged one is checked and repaired. A tenant's is tried again with its tenant: 409.",
  params: TunnelId,
  accepts: ["If-Match", "Prefer"],
  responses: changedResponses,
});

const unlock = endpoint({
  route: "POST /api/tunnels/{id}/unlock",
  tag: "Tunnels",
  summary: "Break the locks of a container's tunnel's stack, and run it again",
  description:
    "For `lock-held`, when whoever made the lock is known to be dead: two updates at once would spoil the state. Locks made later are respected. A tenant's stack is unlocked with its tenant: 409.",
  params: TunnelId,
  accepts: ["If-Match", "Prefer"],
  responses: changedResponses,
});

const rotate = endpoint({
  route: "POST /api/tunnels/{id}/rotate",
  tag: "Secrets",
  summary: "Draw the token of a container's tunnel anew",
  description:
    "Visitors are served all the while. The old one is of no use once the operation has succeeded. A tenant's is drawn with its tenant: 409.",
  params: TunnelId,
  accepts: ["If-Match", "Prefer"],
  responses: changedResponses,
});

const preview = endpoint({
  route: "POST /api/tunnels/{id}/preview",
  tag: "Tunnels",
  summary: "Preview what a run of a container's tunnel would change",
  description: "A tenant's is previewed with its tenant: 409.",
  params: TunnelId,
  accepts: ["Prefer"],
  responses: previewResponses,
});

export const tunnelActionEndpoints = [retry, unlock, rotate, preview];

export function tunnelActionRoutes(deps: ApiDeps): BoundEndpoint[] {
  const { standaloneTunnels } = deps;
  const nameFor = (verb: string, nameOrId: string): Promise<string> =>
    standaloneName(deps, nameOrId, (tenantId) => `Do it with the tenant: POST /api/tenants/${tenantId}/${verb}`);
  const carriedOut = async (
    call: Pick<Call, "acceptance" | "waitSeconds" | "signal" | "req">,
    nameOrId: string,
    verb: string,
    change: (name: string, options: TunnelOptions) => Promise<AcceptedTunnel>,
  ): ReturnType<typeof answerTunnel> => {
    const name = await nameFor(verb, nameOrId);
    const accepted = await acceptTunnelOnce(call, deps, (once) => change(name, { ...once, ...urgent(call) }));
    return answerTunnel(accepted, call, deps);
  };
  return [
    bind(retry, (call) =>
      carriedOut(call, call.params.id, "retry", (name, options) => standaloneTunnels.retry(name, call.by, options)),
    ),

    bind(unlock, (call) =>
      carriedOut(call, call.params.id, "unlock", (name, options) =>
        standaloneTunnels.retry(name, call.by, { ...options, unlock: true }),
      ),
    ),

    bind(rotate, (call) =>
      carriedOut(call, call.params.id, "rotate", (name, options) => standaloneTunnels.rotate(name, call.by, options)),
    ),

    bind(preview, async (call) => {
      const name = await nameFor("preview", call.params.id);
      return answerPreview(call, deps, (once) => standaloneTunnels.preview(name, call.by, once));
    }),
  ];
}

function urgent({ req }: Pick<Call, "req">): TunnelOptions {
  return { ...ifMatch(req.get("if-match")), priority: Priority.customer };
}
