/** Makes a function that replaces known secrets, also in the encodings in which they travel, by `[secret]`. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const shapes = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < 6) continue; // would blot out ordinary words
    shapes.add(secret);
    shapes.add(JSON.stringify(secret).slice(1, -1));
    shapes.add(encodeURIComponent(secret));
    shapes.add(Buffer.from(secret).toString("base64"));
    if (secret.length >= 16) for (const within of withinBase64(secret)) shapes.add(within);
    for (const line of secret.split("\n")) if (line.trim().length >= 32) shapes.add(line.trim()); // of a private key
  }
  if (shapes.size === 0) return (text) => text;
  const longestFirst = [...shapes].toSorted((a, b) => b.length - a.length);
  const pattern = new RegExp(
    longestFirst.map((shape) => shape.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&")).join("|"),
    "g",
  );
  return (text) => text.replace(pattern, "[secret]");
}

/**
 * How a secret looks inside the base64 of something longer, such as a tunnel's token or a Basic header: at each of the
 * three alignments, without the characters that its neighbours decide.
 */
function withinBase64(secret: string): string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)]);
    const text = bytes.toString("base64").replace(/=+$/, "");
    const whole = text.slice(before === 0 ? 0 : before + 1, bytes.length % 3 === 0 ? undefined : -1);
    return [whole, whole.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
