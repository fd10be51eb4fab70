import { timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { z } from "zod";
import type { CloudflareWorld } from "../world/world.ts";

/** Bytes and time that a connector has for its first line. */
const MAX_PREFACE = 4_096;
const PREFACE_TIMEOUT_MS = 10_000;

/** The first line of a connection, JSON. Ours: Cloudflare's is Cap'n Proto on the control stream. */
const Preface = z.object({
  version: z.literal(1),
  accountTag: z.string(),
  tunnelId: z.uuid(),
  /** Base64, from the token. */
  tunnelSecret: z.string(),
  clientId: z.uuid(),
  clientVersion: z.string().max(100),
  arch: z.string().max(100),
  connIndex: z.number().int().min(0).max(255),
});
export type Preface = z.infer<typeof Preface>;

/** Reads the first line. Resolves with undefined when the peer leaves, or is not heard of in time. */
export async function readPreface(socket: Socket): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    let text = "";
    const finish = (value: unknown) => {
      clearTimeout(timer);
      socket.off("data", read).off("close", gone);
      resolve(value);
    };
    const gone = () => finish(undefined);
    const read = (piece: Buffer) => {
      text += piece.toString("utf8");
      if (text.endsWith("\n")) {
        try {
          finish(JSON.parse(text));
        } catch {
          finish(null);
        }
      } else if (text.length > MAX_PREFACE) finish(null);
    };
    const timer = setTimeout(gone, PREFACE_TIMEOUT_MS);
    socket.on("data", read).once("close", gone).once("error", reject);
  });
}

/** Returns the connector's word, or why it is refused. */
export function admit(world: CloudflareWorld, first: unknown): Preface | { refused: string } {
  const read = Preface.safeParse(first);
  if (!read.success) return { refused: "Bad request: the first line must be a version 1 preface" };
  const preface = read.data;
  if (preface.accountTag !== world.accountId) return { refused: "Unauthorized: Invalid account" };
  const tunnel = world.tunnels.find(preface.tunnelId);
  if (!tunnel || tunnel.deletedAt !== null) return { refused: "Unauthorized: Tunnel not found" };
  const [given, known] = [Buffer.from(preface.tunnelSecret, "base64"), Buffer.from(tunnel.secret, "base64")];
  if (given.length !== known.length || !timingSafeEqual(given, known))
    return { refused: "Unauthorized: Invalid tunnel secret" };
  return preface;
}
