import { Stripe } from "stripe";

type HttpClient = ReturnType<typeof Stripe.createNodeHttpClient>;

/** Within this the clocks are the same: the header has whole seconds, and is on its way for some time. */
const SAME_MS = 5_000;

/**
 * The time of an emulated Stripe, as the `Date` header of its answers tells it: its clock can be moved, and grace and
 * retention are counted from the times that it gives. Not for Stripe itself, whose time is everybody's: there no header
 * decides when a tenant is deleted.
 */
export class EmulatedClock {
  /** For the official package, which shows no headers of its answers otherwise. */
  readonly httpClient: HttpClient;
  #aheadMs = 0;

  constructor() {
    const inner = Stripe.createNodeHttpClient();
    this.httpClient = {
      getClientName: () => inner.getClientName(),
      makeRequest: async (...request) => {
        const response = await inner.makeRequest(...request);
        this.#heed(response.getHeaders()["date"]);
        return response;
      },
    };
  }

  /** This machine's, until Stripe has answered for the first time. */
  readonly now = (): Date => new Date(Date.now() + this.#aheadMs);

  #heed(date: unknown): void {
    const ahead = typeof date === "string" ? Date.parse(date) - Date.now() : NaN;
    if (Number.isNaN(ahead)) return;
    this.#aheadMs = Math.abs(ahead) < SAME_MS ? 0 : ahead;
  }
}
