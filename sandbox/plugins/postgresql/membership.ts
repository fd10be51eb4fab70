import type { Client } from "pg";
import { execute, ident, roleExists, row, serverVersion } from "./sql.ts";

async function isMember(client: Client, role: string, member: string): Promise<boolean> {
  const settable = (await serverVersion(client)) >= 16 ? " AND set_option" : "";
  const found = await row(
    client,
    `SELECT 1 FROM pg_auth_members WHERE pg_get_userbyid(roleid) = $1 AND pg_get_userbyid(member) = $2${settable}`,
    [role, member],
  );
  return found !== undefined;
}

/** Answers whether it was necessary. */
export async function grantMembership(client: Client, role: string, member: string): Promise<boolean> {
  if (member === role || (await isMember(client, role, member))) return false;
  await execute(client, `error granting role ${role} to ${member}`, `GRANT ${ident(role)} TO ${ident(member)}`);
  return true;
}

/** Answers whether it was necessary. */
export async function revokeMembership(client: Client, role: string, member: string): Promise<boolean> {
  if (member === role || !(await isMember(client, role, member))) return false;
  await execute(client, `error revoking role ${role} from ${member}`, `REVOKE ${ident(role)} FROM ${ident(member)}`);
  return true;
}

/**
 * Does the work while the connected user is a member of some roles, because a user that is no superuser can give
 * things only to roles that it could become. Two roles cannot be members of each other, so where such a role is a
 * member of the user, that is undone for the time.
 */
export async function withRoles(client: Client, roles: readonly string[], work: () => Promise<void>): Promise<void> {
  const user = (await row<{ current_user: string }>(client, "SELECT current_user"))?.current_user ?? "";
  if (roles.length === 0 || (await isSuperuser(client, user))) return await work();
  const granted: string[] = [];
  const revoked: string[] = [];
  for (const role of roles) {
    if (await isSuperuser(client, role)) continue; // nobody but a superuser may become one
    if (await revokeMembership(client, user, role)) revoked.push(role);
    if (await grantMembership(client, role, user)) granted.push(role);
  }
  await work();
  for (const role of granted) await revokeMembership(client, role, user);
  for (const role of revoked) if (await roleExists(client, role)) await grantMembership(client, user, role);
}

export async function isSuperuser(client: Client, role: string): Promise<boolean> {
  const found = await row<{ rolsuper: boolean }>(client, "SELECT rolsuper FROM pg_roles WHERE rolname = $1", [role]);
  if (found === undefined) throw new Error(`could not check if role ${role} is superuser: no such role`);
  return found.rolsuper;
}
