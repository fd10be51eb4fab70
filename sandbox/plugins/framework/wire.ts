import structpb from "google-protobuf/google/protobuf/struct_pb.js";
import { Archive, Asset, isArray, isObject, Secret, UNKNOWN, Unknown, type Properties, type Value } from "./value.ts";

// Signatures and sentinels of the engine's RPC encoding: sdk/go/common/resource/sig and .../plugin/rpc.go in
// pulumi/pulumi. They are part of the protocol and do not change.
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";
const UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const UNKNOWNS = new Set([
  UNKNOWN_STRING,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", // boolean
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421", // number
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", // array
  "030794c1-ac77-496b-92df-f27374a8bd58", // asset
  "e48ece36-62e2-4504-bad9-02848725956a", // archive
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff", // object
]);

export type Struct = structpb.Struct;

/** Properties of a request. An absent struct is an empty one. */
export function decode(struct: Struct | undefined): Properties {
  return decodeObject(struct?.toJavaScript() ?? {});
}

/** Properties of an answer; what is undefined is left out. */
export function encode(properties: Properties): Struct {
  return structpb.Struct.fromJavaScript(encodeObject(properties) as Record<string, structpb.JavaScriptValue>);
}

function decodeObject(object: Record<string, unknown>): Properties {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, decodeValue(value)]));
}

function decodeValue(value: unknown): Value {
  if (typeof value === "string") return UNKNOWNS.has(value) ? UNKNOWN : value;
  if (Array.isArray(value)) return value.map(decodeValue);
  if (typeof value !== "object" || value === null) return value as Value;
  const object = value as Record<string, unknown>;
  switch (object[SIGNATURE]) {
    case undefined:
      return decodeObject(object);
    case SECRET:
      return new Secret(decodeValue(object["value"]));
    case ASSET:
      return new Asset(strings(object));
    case ARCHIVE:
      if (object["assets"] !== undefined && object["assets"] !== null)
        throw new Error("archives put together from assets are not supported by the sandbox's plugins: use a path");
      return new Archive(strings(object));
    default:
      throw new Error(`values with signature ${String(object[SIGNATURE])} are not supported by the sandbox's plugins`);
  }
}

/** The engine leaves out, or sends as "", what an asset does not have. */
function strings(object: Record<string, unknown>): Partial<Record<"hash" | "text" | "path" | "uri", string>> {
  const given = Object.entries(object).filter(
    ([key, value]) => typeof value === "string" && (value !== "" || key === "text") && key !== SIGNATURE,
  );
  const found = Object.fromEntries(given) as Record<string, string>;
  if ((found["path"] !== undefined || found["uri"] !== undefined) && found["text"] === "") delete found["text"];
  return found;
}

function encodeObject(properties: Properties): Record<string, unknown> {
  const present = Object.entries(properties).filter(([, value]) => (value as Value | undefined) !== undefined);
  return Object.fromEntries(present.map(([key, value]) => [key, encodeValue(value)]));
}

function encodeValue(value: Value): unknown {
  if (value instanceof Unknown) return UNKNOWN_STRING;
  if (value instanceof Secret) return { [SIGNATURE]: SECRET, value: encodeValue(value.value) };
  if (value instanceof Asset)
    return signed(ASSET, { hash: value.hash, text: value.text, path: value.path, uri: value.uri });
  if (value instanceof Archive) return signed(ARCHIVE, { hash: value.hash, path: value.path, uri: value.uri });
  if (isArray(value)) return value.map(encodeValue);
  if (isObject(value)) return encodeObject(value);
  return value;
}

function signed(signature: string, fields: Record<string, string | undefined>): Record<string, unknown> {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return { [SIGNATURE]: signature, ...Object.fromEntries(present) };
}
