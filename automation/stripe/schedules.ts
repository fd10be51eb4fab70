import { catchUp } from "./catch-up.ts";
import { sweepClocks } from "./clocks.ts";
import type { StripeDeps } from "./deps.ts";
import type { StripeSettings } from "./settings.ts";

/** Work that comes round. Each may run on any worker, on several at once, and again at any time. */
export interface Schedule {
  readonly name: string;
  /** Seconds from the end of one run to the beginning of the next; the first is due when the process starts. */
  readonly everySeconds: number;
  readonly run: () => Promise<void>;
}

export function stripeSchedules(
  deps: StripeDeps,
  settings: Pick<StripeSettings, "catchUpSeconds" | "clocksSeconds">,
): readonly Schedule[] {
  return [
    {
      name: "stripe-catch-up",
      everySeconds: settings.catchUpSeconds,
      run: async () => {
        const done = await catchUp(deps);
        if (done.missed + done.requeued > 0)
          deps.log?.(`caught up with Stripe: ${done.missed} events missed, ${done.requeued} queued again`, { ...done });
      },
    },
    {
      name: "life-cycle-clocks",
      everySeconds: settings.clocksSeconds,
      run: async () => {
        const { due, failed } = await sweepClocks(deps);
        if (due > 0)
          deps.log?.(`grace or retention is over for ${due} tenants; ${failed} could not be looked at`, {
            due,
            failed,
          });
      },
    },
  ];
}
