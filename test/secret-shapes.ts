/** A secret by a name that may be printed. */
export type Secrets = ReadonlyMap<string, string>;

/**
 * The texts in which a secret may show: as it is, in JSON, in a URL, in base64 alone or within something longer (three
 * alignments, without the characters that the neighbours decide), and the lines of a key.
 */
export function shapesOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const within = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    return text.slice(before === 0 ? 0 : before + 1, -1);
  });
  const lines = secret.split("\n").filter((line) => line.length >= 32 && !line.startsWith("-----"));
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), ...within, ...lines]
    .flatMap((shape) => [shape, shape.replaceAll("+", "-").replaceAll("/", "_")])
    .filter((shape, index, all) => shape.length >= 16 && all.indexOf(shape) === index);
}

/** Finds secrets in texts, and keeps only where: what is found is never printed. */
export class SecretSearch {
  readonly #shapes: readonly (readonly [name: string, shape: string])[];
  readonly found = new Set<string>();
  /** Characters looked at, by place. */
  readonly looked = new Map<string, number>();

  constructor(secrets: Secrets) {
    this.#shapes = [...secrets].flatMap(([name, secret]) => shapesOf(secret).map((shape) => [name, shape] as const));
  }

  look(place: string, text: string): void {
    this.looked.set(place, (this.looked.get(place) ?? 0) + text.length);
    for (const [name, shape] of this.#shapes) {
      const at = text.indexOf(shape);
      if (at < 0) continue;
      const before = text.slice(Math.max(0, at - 60), at).replaceAll("\n", "⏎");
      this.found.add(`${name} in ${place}, after: ${this.#hidden(before)}`);
    }
  }

  #hidden(text: string): string {
    return this.#shapes.reduce((hidden, [name, shape]) => hidden.replaceAll(shape, `[${name}]`), text);
  }
}
