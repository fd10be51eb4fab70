/**
 * Text as PostgreSQL can hold it: without U+0000, and with no half of a surrogate pair. What others say (Stripe, a
 * command on a host, a provider) may have either, which is no reason not to write down what happened.
 */
export function storedText(text: string): string {
  return text.replaceAll("\0", "").toWellFormed();
}

/** The same for a value in a column of JSON. */
export function storedJson(value: unknown): string {
  const json = JSON.stringify(value);
  // Both are escapes in JSON; a whole pair is none. Behind a backslash of the text itself they are looked at for nothing.
  if (!/\\u(0000|d[89a-f])/.test(json)) return json;
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "string" ? storedText(inner) : inner));
}
