import type { Role } from "./roles.ts";

/** Who a verified token stands for. */
export interface Caller {
  /** The token's `sub`. */
  readonly subject: string;
  readonly role: Role;
}
