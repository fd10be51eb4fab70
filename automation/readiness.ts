/** Something that must work before this process is sent work. */
export interface ReadinessCheck {
  readonly name: string;
  /** Resolves when fine, throws when not. */
  readonly check: () => Promise<void>;
}

export interface Readiness {
  readonly success: boolean;
  readonly status: "ready" | "not ready";
  /** Only whether and how fast: why not is in the log of whoever failed, not for the public. */
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly ms: number }>>;
}

/** Milliseconds. What answers later is not ready. */
const CHECK_MS = 2_000;

/** Does all checks at once; a process that is `leaving` is not ready whatever they say. */
export async function readiness(checks: readonly ReadinessCheck[], leaving?: AbortSignal): Promise<Readiness> {
  const results = await Promise.all(checks.map(async ({ name, check }) => [name, await timed(check)] as const));
  const success = leaving?.aborted !== true && results.every(([, { ok }]) => ok);
  return { success, status: success ? "ready" : "not ready", checks: Object.fromEntries(results) };
}

async function timed(check: () => Promise<void>): Promise<{ ok: boolean; ms: number }> {
  const began = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, CHECK_MS, false)));
  const done = check().then(
    () => true,
    () => false,
  );
  const ok = await Promise.race([done, late]);
  clearTimeout(timer);
  return { ok, ms: Math.round(performance.now() - began) };
}
