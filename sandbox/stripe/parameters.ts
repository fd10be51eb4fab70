import { z } from "zod";
import { missing } from "./errors.ts";

/** Parameters arrive as text: https://docs.stripe.com/api (form-encoded). */
export const Int = z.coerce.number().int();
export const Flag = z.enum(["true", "false"]).transform((text) => text === "true");
export const Metadata = z.union([z.literal("").transform(() => ({})), z.record(z.string(), z.string())]);
/** An empty value unsets. */
export const orEmpty = <T extends z.ZodType>(schema: T): z.ZodUnion<[z.ZodLiteral<"">, T]> =>
  z.union([z.literal(""), schema]);
/** Forms number the entries of a list: `items[0][price]`. */
export const listOf = <T extends z.ZodType>(schema: T): z.ZodType<z.infer<T>[]> =>
  z.preprocess(
    (given) => (given !== null && typeof given === "object" && !Array.isArray(given) ? Object.values(given) : given),
    z.array(schema),
  );

export const Nothing = z.strictObject({});

const Created = z.union([
  Int.transform((at) => ({ gte: at, lte: at })),
  z.strictObject({ gt: Int, gte: Int, lt: Int, lte: Int }).partial(),
]);

/** What all lists take: https://docs.stripe.com/api/pagination */
export const Listing = z.strictObject({
  limit: Int.min(1).max(100).default(10),
  starting_after: z.string().optional(),
  ending_before: z.string().optional(),
  created: Created.optional(),
});

/** A page of `all`, which is newest first. */
export function page<T extends { readonly id: string; readonly created: number }>(
  all: readonly T[],
  listing: z.infer<typeof Listing>,
  url: string,
  kind: string,
): object {
  const range = listing.created as { gt?: number; gte?: number; lt?: number; lte?: number } | undefined;
  const matching = all.filter(
    ({ created }) =>
      range === undefined ||
      (created > (range.gt ?? -1) &&
        created >= (range.gte ?? 0) &&
        created < (range.lt ?? Infinity) &&
        created <= (range.lte ?? Infinity)),
  );
  const place = (id: string, param: string): number => {
    const found = matching.findIndex((one) => one.id === id);
    if (found < 0) throw missing(kind, id, param);
    return found;
  };
  if (listing.ending_before !== undefined) {
    const end = place(listing.ending_before, "ending_before");
    const data = matching.slice(Math.max(0, end - listing.limit), end);
    return { object: "list", data, has_more: end > listing.limit, url };
  }
  const begin = listing.starting_after === undefined ? 0 : place(listing.starting_after, "starting_after") + 1;
  return {
    object: "list",
    data: matching.slice(begin, begin + listing.limit),
    has_more: matching.length > begin + listing.limit,
    url,
  };
}

/** Metadata is merged; an empty value removes its key. */
export function mergeMetadata(
  before: Readonly<Record<string, string>> | null,
  change: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  if (change === undefined) return { ...before };
  if (Object.keys(change).length === 0) return {};
  return Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== ""));
}
