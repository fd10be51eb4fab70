import { z } from "zod";

/**
 * Names a tenant may not take: they are ours, the mail system's, PostgreSQL's own, or would mislead visitors.
 * A platform adds its own (`reservedSubdomains`), among them the name of its stack.
 */
export const RESERVED_SUBDOMAINS: ReadonlySet<string> = new Set([
  ..."www admin api app auth account accounts billing blog cdn dashboard dev docs help login mail metrics ns1 ns2 odoo".split(
    " ",
  ),
  ..."platform postgres prod production root smtp imap pop ftp ssh staging static status support template template0".split(
    " ",
  ),
  ..."template1 test tunnel vpn webhook webmail localhost".split(" "),
  ..."odoosaas pulumi pgbouncer autodiscover wpad".split(" "),
]);

/**
 * A tenant's subdomain: one DNS label, and the name of its PostgreSQL database. 3-32 characters so that every name
 * derived from it fits the strictest system (63 bytes in PostgreSQL and DNS: see names.ts); chosen at sign-up, never
 * changed. Reserved names are refused by the platform's settings, not here.
 */
export const Subdomain = z
  .string()
  .min(3, "must have at least 3 characters")
  .max(32, "must have at most 32 characters")
  .regex(/^[a-z0-9-]*$/, "may contain only a-z, 0-9 and -")
  .regex(/^(?!-)/, "must not begin with -")
  .regex(/(?<!-)$/, "must not end with -")
  .regex(
    /^(?!..--)/,
    "must not have -- as its third and fourth character (reserved for internationalised names, RFC 5891)",
  )
  .refine((name) => !RESERVED_SUBDOMAINS.has(name), {
    error: (issue) => `"${String(issue.input)}" is reserved; choose another name`,
  });
