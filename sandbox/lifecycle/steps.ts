import type { Progress } from "../progress.ts";

/** What happens to one step of a start or stop. Times in milliseconds. */
export type StepEvent =
  | { step: number; title: string; state: "started" }
  | { step: number; title: string; state: "doing"; doing: string }
  | { step: number; title: string; state: "done"; ms: number; note?: string }
  | { step: number; title: string; state: "failed"; ms: number; error: string };

/** Runs steps, many of them side by side, and tells what becomes of each. */
export class Steps {
  #next = 1;
  readonly #report: (event: StepEvent) => void;

  constructor(report: (event: StepEvent) => void) {
    this.#report = report;
  }

  /** `note` says in a few words what came of it: "3.259.0, from PATH". */
  async run<T>(title: string, work: (progress: Progress) => Promise<T>, note?: (result: T) => string): Promise<T> {
    const step = this.#next++;
    const started = performance.now();
    const ms = () => Math.round(performance.now() - started);
    this.#report({ step, title, state: "started" });
    try {
      const result = await work((doing) => this.#report({ step, title, state: "doing", doing }));
      this.#report({ step, title, state: "done", ms: ms(), ...(note && { note: note(result) }) });
      return result;
    } catch (error) {
      this.#report({ step, title, state: "failed", ms: ms(), error: (error as Error).message });
      throw new StepFailed(title, error as Error);
    }
  }
}

/** A step failed; which one, and why. */
export class StepFailed extends Error {
  readonly title: string;

  constructor(title: string, cause: Error) {
    super(`${title}: ${cause.message}`, { cause });
    this.name = "StepFailed";
    this.title = title;
  }
}

/** "0.4 s", "12 s", "3 min 51 s" */
export function duration(ms: number): string {
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
