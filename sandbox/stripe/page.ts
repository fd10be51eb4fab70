import { Router, urlencoded, type Request, type Response } from "express";
import { Checkout, payCheckout, payOwed, SUBSCRIPTION_ACTIONS } from "./actions.ts";
import type { Account } from "./billing/account.ts";
import { completeSession } from "./billing/checkout.ts";
import { openInvoices } from "./billing/invoicing.ts";
import { advance } from "./billing/time.ts";
import type { Deliveries } from "./deliveries.ts";
import { fromZod, missing } from "./errors.ts";
import { document, html, type Html } from "./html.ts";
import { subscriptionOf } from "./objects/invoice.ts";
import { itemOf } from "./objects/subscription.ts";
import type { Subscription } from "./wire.ts";

/** Pages for people: what the account holds, a paid checkout by hand, and the places where Stripe lets customers pay. */
export function pages(account: Account, deliveries: Deliveries): Router {
  const { world } = account;
  const done = async (res: Response, to = "/"): Promise<void> => {
    await world.saved();
    res.redirect(303, to);
  };
  return Router()
    .use(urlencoded({ extended: false }))
    .get("/", (req, res) => {
      // The address that the page of a suspended tenant links to.
      const tenant = req.query["tenant"];
      if (typeof tenant === "string") res.redirect(302, `/pay/${encodeURIComponent(tenant)}`);
      else res.send(document("Stripe sandbox", overview(account, deliveries)));
    })
    .post("/checkout", async (req, res) => {
      const given = Object.fromEntries(
        Object.entries(req.body as Record<string, string>).filter(([, value]) => value !== ""),
      );
      const input = Checkout.safeParse(given);
      if (!input.success) throw fromZod(input.error);
      payCheckout(account, input.data);
      await done(res);
    })
    .post("/subscriptions/:id/:action", async (req, res) => {
      const name = req.params["action"];
      const action = Object.hasOwn(SUBSCRIPTION_ACTIONS, name) ? SUBSCRIPTION_ACTIONS[name] : undefined;
      if (action === undefined) throw missing("action", name, "action");
      action(account, idOf(req));
      await done(res);
    })
    .post("/clock", async (req, res) => {
      advance(account, Number((req.body as Record<string, string>)["days"] ?? 0) * 86_400_000);
      deliveries.sendDue();
      await done(res);
    })
    .get("/pay/:subdomain", (req, res) => void res.send(document("Pay", owedPage(account, req.params.subdomain))))
    .get("/i/:id", (req, res) => void res.send(document("Invoice", invoicePage(account, idOf(req)))))
    .post("/i/:id", async (req, res) => {
      const subscription = subscriptionOf(world.get("invoice", idOf(req)));
      if (subscription !== undefined) payOwed(account, subscription);
      await done(res, `/i/${idOf(req)}`);
    })
    .get("/c/pay/:id", (req, res) => void res.send(document("Checkout", checkoutPage(account, idOf(req)))))
    .post("/c/pay/:id", async (req, res) => {
      const { email, company, ...fields } = req.body as Record<string, string>;
      const session = completeSession(account, idOf(req), {
        email: email === "" ? undefined : email,
        company: company === "" ? undefined : company,
        fields,
        payment: "now",
      });
      await done(res, session.success_url?.replace("{CHECKOUT_SESSION_ID}", session.id) ?? "/");
    });
}

function idOf(req: Request): string {
  return String(req.params["id"]);
}

function overview(account: Account, deliveries: Deliveries): Html {
  const { world } = account;
  const subscriptions = world.list("subscription").slice(0, 200);
  const plans = world.list("price").toReversed();
  const counts = Object.groupBy(deliveries.list(), (one) => one.state);
  return html`
    <h1>Stripe sandbox</h1>
    <p class="note">An emulator: no money moves. Its clock says ${new Date(world.now()).toISOString()}.</p>
    <h2>Send a paid checkout</h2>
    <form method="post" action="/checkout">
      <label>Subdomain <input name="subdomain" placeholder="acme" pattern="[a-z0-9\\-]{3,32}" /></label>
      <label
        >Plan
        <select name="plan">
          ${plans.map((price) => html`<option>${price.nickname}</option>`)}
        </select></label
      >
      <label>Email <input name="email" type="email" required value="owner@example.com" /></label>
      <label>Company <input name="company" placeholder="Acme Ltd" /></label>
      <label>Country <input name="country" size="3" maxlength="2" placeholder="FR" /></label>
      <label>Language <input name="locale" size="5" placeholder="fr" /></label>
      <button>Pay</button>
    </form>
    <h2>Subscriptions</h2>
    <div class="wide">
      <table>
        <tr>
          <th>Subscription</th>
          <th>Subdomain</th>
          <th>Customer</th>
          <th>Plan</th>
          <th>Status</th>
          <th>Period ends</th>
          <th></th>
        </tr>
        ${subscriptions.map((subscription) => row(account, subscription))}
      </table>
    </div>
    <h2>Clock</h2>
    <form method="post" action="/clock">
      <label>Days forward <input name="days" type="number" min="1" value="7" /></label>
      <button>Move</button>
    </form>
    <h2>Deliveries</h2>
    <p>${Object.entries(counts).map(([state, all]) => html`${state}: ${all.length} `)}</p>
  `;
}

function row(account: Account, subscription: Subscription): Html {
  const customer = account.world.find("customer", subscription.customer);
  const actions = actionsFor(subscription);
  return html`<tr>
    <td><code>${subscription.id}</code></td>
    <td>${subscription.metadata["subdomain"]}</td>
    <td>${customer?.email}</td>
    <td>${itemOf(subscription).price.nickname}</td>
    <td>${subscription.status}</td>
    <td><time>${new Date(itemOf(subscription).current_period_end * 1000).toISOString().slice(0, 10)}</time></td>
    <td>
      ${actions.map((action) => html`<form method="post" action="/subscriptions/${subscription.id}/${action}"><button>${action}</button></form> `)}
    </td>
  </tr>`;
}

function actionsFor({ status }: Subscription): string[] {
  switch (status) {
    case "active":
    case "trialing":
      return ["fail", "pause", "cancel"];
    case "past_due":
    case "unpaid":
    case "incomplete":
      return ["pay", "fail", "cancel"];
    case "paused":
      return ["resume", "cancel"];
    default:
      return [];
  }
}

/** Stands in for the customer portal: what a tenant owes, each with the link to pay it. */
function owedPage(account: Account, subdomain: string): Html {
  const subscriptions = account.world
    .list("subscription")
    .filter(({ metadata }) => metadata["subdomain"] === subdomain);
  const owed = subscriptions.flatMap(({ id }) => openInvoices(account, id));
  if (owed.length === 0)
    return html`<h1>${subdomain}</h1>
      <p>Nothing is to be paid.</p>`;
  return html`<h1>${subdomain}</h1>
    <ul>
      ${owed.map((invoice) => html`<li><a href="/i/${invoice.id}">${invoice.number}</a>, ${(invoice.amount_due / 100).toFixed(2)} ${invoice.currency.toUpperCase()}</li>`)}
    </ul>`;
}

function invoicePage(account: Account, invoiceId: string): Html {
  const invoice = account.world.get("invoice", invoiceId);
  const pay =
    invoice.status === "open" ? html`<form method="post"><button>Pay with a good card</button></form>` : html``;
  return html`<h1>Invoice ${invoice.number}</h1>
    <p>
      ${(invoice.amount_due / 100).toFixed(2)} ${invoice.currency.toUpperCase()}, ${invoice.status}, for
      ${invoice.customer_email}
    </p>
    ${pay}`;
}

function checkoutPage(account: Account, sessionId: string): Html {
  const session = account.world.get("checkout.session", sessionId);
  if (session.status !== "open")
    return html`<h1>Checkout</h1>
      <p>This session is ${session.status}.</p>`;
  const fields = session.custom_fields.map(
    (field) =>
      html`<label>${field.label.custom} <input name="${field.key}" ${field.optional ? "" : "required"} /></label>`,
  );
  return html`<h1>Pay ${((session.amount_total ?? 0) / 100).toFixed(2)} ${(session.currency ?? "").toUpperCase()}</h1>
    <form method="post">
      <label>Email <input name="email" type="email" value="${session.customer_email}" /></label>
      <label>Company <input name="company" /></label>
      ${fields}
      <button>Pay</button>
    </form>`;
}
