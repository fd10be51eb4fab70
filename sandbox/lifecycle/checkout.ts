import { setTimeout } from "node:timers/promises";
import type { Instance } from "../instance.ts";
import type { Progress } from "../progress.ts";
import { listTenants, type ApiTenant } from "./api.ts";
import { PLANS } from "./platform-settings.ts";
import type { InstanceSecrets } from "./secrets.ts";

/** What the customer of a checkout enters and chooses. */
export interface Checkout {
  subdomain: string;
  plan: string;
  email: string;
  company?: string;
}

/** The first tenant of a sandbox. */
export const DEMO: Checkout = { subdomain: "acme", plan: "starter", email: "owner@acme.example", company: "Acme" };

const READY_WITHIN_MS = 180_000;

/**
 * Completes a paid checkout at the emulated Stripe, which sends its signed event to the server. Throws with Stripe's
 * words when it refuses.
 */
export async function sendCheckout(instance: Instance, checkout: Checkout): Promise<void> {
  if (!Object.hasOwn(PLANS, checkout.plan)) {
    throw new Error(`there is no plan "${checkout.plan}"; choose one of ${Object.keys(PLANS).join(", ")} (--plan)`);
  }
  const response = await fetch(`http://127.0.0.1:${instance.ports.stripe}/__sandbox/checkout`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(checkout),
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok)
    throw new Error(`the emulated Stripe answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
}

/** Waits until the tenant is active and its login page is served through the edge. Throws with the reason when it fails. */
export async function untilServed(
  instance: Instance,
  secrets: InstanceSecrets,
  subdomain: string,
  progress: Progress,
): Promise<ApiTenant> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const tenant = (await listTenants(instance, secrets)).find((each) => each.subdomain === subdomain);
    const why = tenant?.state_detail ?? tenant?.state_reason ?? "";
    if (tenant?.state === "failed" || tenant?.state === "stalled") throw new Error(`it ${tenant.state}: ${why}`);
    progress(tenant ? tenant.state : "waiting for the event");
    if (tenant?.state === "active" && (await loginPage(instance, subdomain)) === 200) return tenant;
    if (Date.now() > deadline) {
      throw new Error(
        `it is not served after ${READY_WITHIN_MS / 1000} s: ${tenant ? `${tenant.state} ${why}` : "the server knows no such tenant"}`,
      );
    }
    await setTimeout(100);
  }
}

/** Status of the tenant's login page as a visitor gets it. */
async function loginPage(instance: Instance, subdomain: string): Promise<number> {
  // fetch sets no Host header of its own choice; names under localhost are this machine to every resolver that heeds
  // RFC 6761, which Node's is not: hence the address and http's own client.
  const { request } = await import("node:http");
  return await new Promise((resolve) => {
    const options = { host: "127.0.0.1", port: instance.ports.edge, path: "/web/login", timeout: 10_000 };
    const asked = request(
      { ...options, headers: { host: `${subdomain}.${instance.domain}:${instance.ports.edge}` } },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      },
    );
    asked
      .on("error", () => resolve(0))
      .on("timeout", () => asked.destroy())
      .end();
  });
}
