/**
 * Property values as resource code and the wire know them: JSON, and four things that JSON lacks. Resource code gets
 * plain values (no secrets, and unknowns only in previews); marks are put back by secrets.ts.
 */
export type Value =
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | { readonly [key: string]: Value }
  | Unknown
  | Secret
  | Asset
  | Archive;
export type Properties = Readonly<Record<string, Value>>;

/** Known only after the update (previews). */
export class Unknown {
  readonly kind = "unknown";
}
export const UNKNOWN = new Unknown();

export class Secret {
  readonly kind = "secret";
  readonly value: Value;

  constructor(value: Value) {
    this.value = value;
  }
}

/** A file: its text, its path or its URI. Old state carries the hash alone. */
export class Asset {
  readonly kind = "asset";
  readonly hash: string | undefined;
  readonly text: string | undefined;
  readonly path: string | undefined;
  readonly uri: string | undefined;

  constructor(of: Partial<Record<"hash" | "text" | "path" | "uri", string | undefined>>) {
    this.hash = of.hash;
    this.text = of.text;
    this.path = of.path;
    this.uri = of.uri;
  }
}

/** A folder or an archive file. Archives put together from assets are not covered. */
export class Archive {
  readonly kind = "archive";
  readonly hash: string | undefined;
  readonly path: string | undefined;
  readonly uri: string | undefined;

  constructor(of: Partial<Record<"hash" | "path" | "uri", string | undefined>>) {
    this.hash = of.hash;
    this.path = of.path;
    this.uri = of.uri;
  }
}

export function isObject(value: Value | undefined): value is Properties {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Unknown || value instanceof Secret || value instanceof Asset || value instanceof Archive)
  );
}

export function isArray(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

export function isAbsent(value: Value | undefined): value is null | undefined {
  return value === undefined || value === null;
}

/** Absent, empty, or the zero of its type. */
export function isZero(value: Value | undefined): boolean {
  return isEmpty(value) || value === "" || value === 0 || value === false;
}

/** Absent, or nothing in it to any depth. */
export function isEmpty(value: Value | undefined): boolean {
  return (
    isAbsent(value) ||
    (isArray(value) && value.length === 0) ||
    (isObject(value) && Object.values(value).every(isEmpty))
  );
}

/** The value without its secret marks, to any depth. */
export function plain(value: Value): Value {
  if (value instanceof Secret) return plain(value.value);
  if (isArray(value)) return value.map(plain);
  if (isObject(value)) return plainProperties(value);
  return value;
}

export function plainProperties(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, plain(value)]));
}

export function some(value: Value | undefined, test: (part: Value) => boolean): boolean {
  if (value === undefined) return false;
  if (test(value)) return true;
  if (value instanceof Secret) return some(value.value, test);
  if (isArray(value)) return value.some((element) => some(element, test));
  return isObject(value) && Object.values(value).some((element) => some(element, test));
}

export function containsSecret(value: Value | undefined): boolean {
  return some(value, (part) => part instanceof Secret);
}

export function containsUnknown(value: Value | undefined): boolean {
  return some(value, (part) => part instanceof Unknown);
}

/** Equal to any depth; null and absent are the same, an unknown equals nothing, marks of secrecy count. */
export function equal(a: Value | undefined, b: Value | undefined): boolean {
  if (isAbsent(a) || isAbsent(b)) return isAbsent(a) && isAbsent(b);
  if (a instanceof Unknown || b instanceof Unknown) return false;
  if (a instanceof Secret || b instanceof Secret)
    return a instanceof Secret && b instanceof Secret && equal(a.value, b.value);
  if (a instanceof Asset || b instanceof Asset) return a instanceof Asset && b instanceof Asset && sameContent(a, b);
  if (a instanceof Archive || b instanceof Archive)
    return a instanceof Archive && b instanceof Archive && sameContent(a, b);
  if (isArray(a) || isArray(b))
    return isArray(a) && isArray(b) && a.length === b.length && a.every((element, index) => equal(element, b[index]));
  if (isObject(a) || isObject(b)) {
    if (!isObject(a) || !isObject(b)) return false;
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => equal(a[key], b[key]));
  }
  return a === b;
}

/** Old state holds no contents, so the hash decides where both sides have one. */
function sameContent(a: Asset | Archive, b: Asset | Archive): boolean {
  if (a.hash !== undefined && b.hash !== undefined) return a.hash === b.hash;
  const text = (of: Asset | Archive): string | undefined => (of instanceof Asset ? of.text : undefined);
  return a.path === b.path && a.uri === b.uri && text(a) === text(b);
}
