import type { StripeConfig } from "../config.ts";
import type { World } from "../world.ts";

/** The emulated account: its objects and the settings that decide how billing goes on. */
export interface Account extends Pick<StripeConfig, "afterLastRetry" | "paymentRetryDays"> {
  readonly world: World;
  /** Absolute URL of one of the emulator's own pages. */
  readonly pageUrl: (path: string) => string;
}

export const HOUR = 3600;
export const DAY = 24 * HOUR;
