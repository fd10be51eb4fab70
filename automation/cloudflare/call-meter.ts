import type { Pay } from "./metered-fetch.ts";

/** Counts what a run that has a reservation really calls. */
export class CallMeter {
  /** Whose budget it is. */
  readonly account: string;
  readonly #reserved: number;
  #made = 0;
  #sure = true;

  constructor(account: string, reserved: number) {
    this.account = account;
    this.#reserved = reserved;
  }

  /** Pays for one call of ours: the run has reserved it. */
  pay: Pay = async () => {
    this.#made += 1;
    return undefined;
  };

  /** `sure`: false when there may have been more, as in a run that failed. */
  add(calls: number, sure: boolean): void {
    this.#made += calls;
    this.#sure &&= sure;
  }

  get made(): number {
    return this.#sure ? this.#made : Math.max(this.#made, this.#reserved);
  }
}
