/** Seconds of `Prefer: wait=N` (RFC 7240), at most `max`; undefined when the caller did not ask to wait. */
export function waitPreference(header: string | undefined, max: number): number | undefined {
  for (const preference of (header ?? "").split(/[,;]/)) {
    const wait = /^\s*wait\s*=\s*"?(\d{1,6})"?\s*$/i.exec(preference)?.[1];
    if (wait !== undefined) return Math.min(Number(wait), max);
  }
  return undefined;
}
