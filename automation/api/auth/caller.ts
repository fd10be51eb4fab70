import type { Role } from "./roles.ts";

/** Who a verified token stands for. */
export interface Caller {
  /** The token's `sub`. */
  readonly subject: string;
  readonly role: Role;
  /** When the token is taken no more: a live stream ends then. */
  readonly expiresAt: Date;
}
