/** Makes a function that replaces known secrets, also in the encodings in which they travel, by `[secret]`. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const shapes = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < 6) continue; // would blot out ordinary words
    shapes.add(secret);
    shapes.add(JSON.stringify(secret).slice(1, -1));
    shapes.add(encodeURIComponent(secret));
    shapes.add(Buffer.from(secret).toString("base64"));
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
