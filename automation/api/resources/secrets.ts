import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { recordAudit } from "../../audit/record.ts";
import { secretId } from "../../secrets/secret-id.ts";
import type { ApiDeps } from "../deps.ts";
import { bind, type BoundEndpoint, endpoint } from "../http/endpoint.ts";
import { ApiError } from "../problem.ts";

const SecretsBody = z.object({
  success: z.literal(true),
  secrets: z.array(
    z.object({
      name: z.string().meta({ example: "JWT_SECRET" }),
      ids: z.array(z.string()).meta({ description: "Part of each one's hash, newest first; never the secret." }),
      reloadable: z.boolean().meta({ description: "Can be exchanged without a restart." }),
    }),
  ),
});

const read = endpoint({
  route: "GET /api/secrets",
  tag: "Secrets",
  summary: "Tell which secrets this server uses, by their ids",
  responses: { 200: { description: "Lists of which all are good, newest first.", schema: SecretsBody } },
});

const reload = endpoint({
  route: "POST /api/secrets/reload",
  tag: "Secrets",
  summary: "Read secrets and the platform's settings again, in all processes",
  description: "What cannot be read stays as it is: compare the ids.",
  responses: { 200: { description: "What this process uses from now on.", schema: SecretsBody } },
});

export const secretEndpoints = [read, reload];

export function secretRoutes(deps: ApiDeps): BoundEndpoint[] {
  const body = async (): Promise<z.input<typeof SecretsBody>> => {
    const { cloudflareApiToken } = await deps.platform();
    const cloudflare = { name: "cloudflareApiToken", ids: [secretId(cloudflareApiToken)], reloadable: true };
    return { success: true, secrets: [...present().state(), cloudflare].map((one) => ({ ...one, ids: [...one.ids] })) };
  };
  const present = (): NonNullable<ApiDeps["secrets"]> => {
    if (deps.secrets !== undefined) return deps.secrets;
    throw new ApiError(501, "NotImplemented", "Not implemented", "This server keeps no secrets that can be exchanged.");
  };
  return [
    bind(read, async () => ({ status: 200, body: await body() })),

    // What is read cannot be taken back: that it was asked for is on record before, what came of it afterwards.
    bind(reload, async ({ by, requestId }) => {
      const secrets = present();
      const line = { actor: by.name, source: by.source, requestId, subjectType: "secrets", subjectId: "all" };
      const before = idsOf(await body());
      await deps.database.transaction((tx) => recordAudit(tx, { ...line, action: "secrets.reload", before }));
      await secrets.reload();
      const answer = await body();
      const after = idsOf(answer);
      if (!isDeepStrictEqual(after, before))
        await deps.database.transaction((tx) =>
          recordAudit(tx, { ...line, action: "secrets.reloaded", before, after }),
        );
      return { status: 200, body: answer };
    }),
  ];
}

function idsOf({ secrets }: z.input<typeof SecretsBody>): Record<string, string[]> {
  return Object.fromEntries(secrets.map(({ name, ids }) => [name, ids]));
}
