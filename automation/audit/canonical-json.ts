/**
 * One text for one value, whatever the order of its keys: what is hashed must survive PostgreSQL's jsonb, which keeps
 * neither key order nor white space. Follows RFC 8785 for what JSON.stringify can carry.
 */
export function canonicalJson(value: unknown): string {
  const plain: unknown = JSON.parse(JSON.stringify(value ?? null)); // dates become text, undefined goes, as when stored
  return write(plain);
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${write(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
