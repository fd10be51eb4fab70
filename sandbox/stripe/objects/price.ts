import type { PriceConfig } from "../config.ts";
import type { Price, Product, SubscriptionItem } from "../wire.ts";

export function newProduct(config: PriceConfig, created: number): Product {
  return {
    id: productId(config),
    object: "product",
    active: true,
    created,
    default_price: config.id,
    description: null,
    images: [],
    livemode: false,
    marketing_features: [],
    metadata: {},
    name: config.name ?? config.plan,
    package_dimensions: null,
    shippable: null,
    statement_descriptor: null,
    tax_code: null,
    tax_details: null,
    type: "service",
    unit_label: null,
    updated: created,
    url: null,
  };
}

export function newPrice(config: PriceConfig, created: number): Price {
  return {
    id: config.id,
    object: "price",
    active: true,
    billing_scheme: "per_unit",
    created,
    currency: config.currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: null,
    metadata: {},
    nickname: config.plan,
    product: productId(config),
    recurring: {
      interval: config.interval,
      interval_count: 1,
      meter: null,
      trial_period_days: null,
      usage_type: "licensed",
    },
    tax_behavior: "unspecified",
    tiers_mode: null,
    transform_quantity: null,
    type: "recurring",
    unit_amount: config.unitAmount,
    unit_amount_decimal: String(config.unitAmount),
  };
}

/** The older form of a price, which items still carry. */
export function planOf(price: Price): SubscriptionItem["plan"] {
  return {
    id: price.id,
    object: "plan",
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: "per_unit",
    created: price.created,
    currency: price.currency,
    interval: price.recurring?.interval ?? "month",
    interval_count: price.recurring?.interval_count ?? 1,
    livemode: false,
    metadata: {},
    meter: null,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: "licensed",
  };
}

function productId(config: PriceConfig): string {
  return config.product ?? `prod_${config.plan.replaceAll(/[^A-Za-z0-9_]/g, "_")}`;
}
