import { z } from "zod";

/** Fields that several resources share. */
export const Timestamp = z.iso.datetime();
export const NullableTimestamp = Timestamp.nullable();

export const NumericId = z
  .string()
  .regex(/^[1-9]\d{0,14}$/, "must be a number")
  .transform(Number);

export const TenantId = z.object({ id: NumericId.meta({ description: "The tenant's number.", example: "7" }) });

export const SubscriptionId = z
  .string()
  .regex(/^[\w.:-]{1,255}$/, "may contain only letters, digits and _ . : -")
  .meta({ description: "Stripe's subscription, or any id of the caller's own.", example: "sub_1PqRsT" });

const HIGHEST_HOST = 999_999_999;
export const ContainerId = z
  .int()
  .min(1)
  .max(HIGHEST_HOST)
  .meta({ description: "Number of a tenant host.", example: 105 });
/** The same in a query or a path. */
export const HostNumber = NumericId.refine((id) => id <= HIGHEST_HOST, {
  error: "must be the number of a tenant host",
});
export const LocalPort = z.int().min(1).max(65_535).meta({ description: "Odoo's port on that host.", example: 8069 });

export const Limit = (most: number, normal: number) =>
  z.coerce.number().int().min(1).max(most).default(normal).meta({ description: "Entries a page." });
export const Cursor = z
  .string()
  .regex(/^[\w=+/.~:-]{1,300}$/, "must be the next_cursor of an answer")
  .optional()
  .meta({ description: "`next_cursor` of the page before." });

/** A comma separated list of the given words, as an array. */
export function wordList<const W extends readonly string[]>(words: W) {
  return z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(z.enum(words)))
    .optional();
}

export const Flag = z.enum(["true", "false"]).transform((text) => text === "true");

export function iso(date: Date): string;
export function iso(date: Date | null): string | null;
export function iso(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

/** `Link: <...>; rel="next"`, for clients that page by it. */
export function nextLink(url: string, nextCursor: string | undefined): Record<string, string> {
  if (nextCursor === undefined) return {};
  const next = new URL(url, "http://server");
  next.searchParams.set("cursor", nextCursor);
  return { link: `<${next.pathname}${next.search}>; rel="next"` };
}
