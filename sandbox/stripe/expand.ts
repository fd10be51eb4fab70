import { invalidRequest } from "./errors.ts";
import type { Kind, World } from "./world.ts";

/** https://docs.stripe.com/api/expanding_objects */
const KIND_BY_PREFIX: Readonly<Record<string, Exclude<Kind, "clock" | "answer" | "order" | "delivery">>> = {
  cus: "customer",
  prod: "product",
  price: "price",
  sub: "subscription",
  in: "invoice",
  cs: "checkout.session",
  evt: "event",
};

/** A copy of an answer in which the ids at these paths (`latest_invoice`, `data.items.data.price.product`) are objects. */
export function expand(world: World, answer: object, paths: unknown): object {
  const wanted = (
    Array.isArray(paths) ? paths : paths === undefined ? [] : Object.values(paths as Record<string, unknown>)
  ).map(String);
  if (wanted.length === 0) return answer;
  const copy = structuredClone(answer) as Record<string, unknown>;
  for (const path of wanted) expandOne(world, copy, path.split("."), path);
  return copy;
}

function expandOne(world: World, holder: Record<string, unknown>, [name, ...rest]: string[], path: string): void {
  if (name === undefined) return;
  if (!(name in holder)) throw invalidRequest(`This property cannot be expanded (${path}).`);
  const value = holder[name];
  const object = typeof value === "string" ? fetchById(world, value, path) : value;
  holder[name] = object;
  const next: unknown[] = Array.isArray(object) ? object : [object];
  if (rest.length > 0)
    for (const one of next)
      if (typeof one === "object" && one !== null) expandOne(world, one as Record<string, unknown>, rest, path);
}

function fetchById(world: World, id: string, path: string): unknown {
  const kind = KIND_BY_PREFIX[id.split("_")[0] ?? ""];
  if (kind === undefined) throw invalidRequest(`This property cannot be expanded (${path}).`);
  return structuredClone(world.get(kind, id));
}
