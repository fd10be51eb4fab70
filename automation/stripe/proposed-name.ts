import { createHash } from "node:crypto";
import { Subdomain } from "../../components/tenant/subdomain.ts";

const LONGEST = 32;

/** Letters that Unicode's decomposition leaves alone, as they are usually written without them. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  ł: "l",
  đ: "d",
  ð: "d",
  þ: "th",
  ı: "i",
  "&": " and ",
};

/** A company's name as a DNS label, or undefined when nothing of it is left: "Café Müller & Söhne" → "cafe-muller-and-sohne". */
export function slug(name: string): string | undefined {
  const plain = name
    .toLowerCase()
    .replaceAll(/[ßæœøłđðþı&]/g, (letter) => LETTERS[letter] ?? letter)
    .normalize("NFKD")
    .replaceAll(/\p{Mark}/gu, "")
    .replaceAll(/['’.]/g, "") // O'Neil Ltd. → oneil-ltd
    .replaceAll(/[^a-z0-9]+/g, "-");
  const label = trimmed(plain.slice(0, LONGEST));
  return Subdomain.safeParse(label).success ? label : undefined;
}

/** Names to try one after the other until one is free: the base, then with numbers, at last with a part of a hash. */
export function* proposals(names: readonly (string | null | undefined)[], subscriptionId: string): Generator<string> {
  const hash = createHash("sha256").update(subscriptionId).digest("hex").slice(0, 8);
  const base = names.map((name) => slug(name ?? "")).find((label) => label !== undefined);
  if (base !== undefined) {
    yield base;
    for (let number = 2; number <= 99; number++) yield withSuffix(base, String(number));
    yield withSuffix(base, hash);
  }
  yield `tenant-${hash}`;
}

function withSuffix(base: string, suffix: string): string {
  return `${trimmed(base.slice(0, LONGEST - suffix.length - 1))}-${suffix}`;
}

function trimmed(label: string): string {
  return label.replaceAll(/^-+|-+$/g, "");
}
