import assert from "node:assert/strict";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { openApiDocument } from "../../../automation/api/openapi/document.ts";

interface Described {
  readonly content?: Record<string, { schema: object }>;
}

const document = strict(structuredClone(openApiDocument("test"))) as unknown as {
  paths: Record<string, Record<string, { responses: Record<string, Described> }>>;
};
const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(document, "openapi");
const compiled = new Map<string, ValidateFunction>();

/** Fails when an answer is not as documented: status, media type, every field, and no field more. */
export function assertDocumented(
  method: string,
  path: string,
  status: number,
  contentType: string,
  body: unknown,
): void {
  const [template, operation] = find(method.toLowerCase(), path);
  const key = status in operation.responses ? String(status) : "default";
  const content = operation.responses[key]?.content ?? {};
  const mediaType = contentType.split(";")[0]?.trim() ?? "";
  const where = `${method} ${template} ${status}`;
  if (body === undefined) return assert.deepEqual(Object.keys(content), [], `${where} is documented with a body`);
  assert(
    mediaType in content,
    `${where} came as ${mediaType || "nothing"}, documented is ${Object.keys(content).join(", ")}`,
  );
  if (key === "default") assert(status >= 400, `${where} is not documented`);
  const pointer = ["paths", template, method.toLowerCase(), "responses", key, "content", mediaType, "schema"].map(
    (part) => part.replaceAll("~", "~0").replaceAll("/", "~1"),
  );
  const ref = `openapi#/${pointer.map(encodeURIComponent).join("/")}`;
  const validate = compiled.get(ref) ?? ajv.compile({ $ref: ref });
  compiled.set(ref, validate);
  assert(
    validate(body),
    `${where} differs from its documentation: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(body, null, 2)}`,
  );
}

function find(method: string, path: string): [template: string, operation: { responses: Record<string, Described> }] {
  const candidates = Object.entries(document.paths).filter(([template]) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+").replaceAll(".", "\\.")}$`).test(path),
  );
  const exact = candidates.toSorted(([a], [b]) => a.split("{").length - b.split("{").length)[0];
  const operation = exact?.[1][method];
  assert(exact !== undefined && operation !== undefined, `${method} ${path} is not documented`);
  return [exact[0], operation];
}

/** A field that nobody documented may be one that nobody meant to show. */
function strict<T>(node: T): T {
  if (Array.isArray(node)) node.forEach(strict);
  else if (typeof node === "object" && node !== null) {
    const schema = node as Record<string, unknown>;
    if (schema["type"] === "object" && schema["properties"] !== undefined) schema["additionalProperties"] ??= false;
    Object.values(schema).forEach(strict);
  }
  return node;
}
