import { join } from "./check.ts";
import { equal, isAbsent, isArray, isObject, Secret, type Properties, type Value } from "./value.ts";

export type ChangeKind = "add" | "delete" | "update";
export interface Change {
  kind: ChangeKind;
  replace: boolean;
}

/** What an update would change: by property path, such as `config.ingresses[0].hostname`. */
export interface Difference {
  changes: ReadonlyMap<string, Change>;
  /** The old resource has to go before the new one comes. */
  deleteBeforeReplace: boolean;
}

export type ChangedPaths = ReadonlyMap<string, ChangeKind>;

/** Every path at which two sets of properties differ. An unknown new value differs from any old one. */
export function comparePaths(
  old: Properties,
  wanted: Properties,
  same: (old: Value | undefined, wanted: Value | undefined) => boolean = equal,
): ChangedPaths {
  const found = new Map<string, ChangeKind>();
  for (const name of new Set([...Object.keys(old), ...Object.keys(wanted)]))
    compareValue(join("", name), old[name], wanted[name], same, found);
  return found;
}

export function compareValue(
  path: string,
  old: Value | undefined,
  wanted: Value | undefined,
  same: (old: Value | undefined, wanted: Value | undefined) => boolean,
  found: Map<string, ChangeKind>,
): void {
  if (same(old, wanted)) return;
  if (isAbsent(old)) found.set(path, "add");
  else if (isAbsent(wanted)) found.set(path, "delete");
  else if (old instanceof Secret && wanted instanceof Secret) compareValue(path, old.value, wanted.value, same, found);
  else if (isArray(old) && isArray(wanted)) {
    for (let index = 0; index < Math.max(old.length, wanted.length); index++)
      compareValue(`${path}[${index}]`, old[index], wanted[index], same, found);
  } else if (isObject(old) && isObject(wanted)) {
    for (const name of new Set([...Object.keys(old), ...Object.keys(wanted)]))
      compareValue(join(path, name), old[name], wanted[name], same, found);
  } else found.set(path, "update");
}

/** `config` of `config.ingresses[0]`. */
export function topLevel(path: string): string {
  return /^[^.[]*/.exec(path)?.[0] ?? path;
}
