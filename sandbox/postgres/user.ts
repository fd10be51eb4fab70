import { userInfo } from "node:os";
import { statSync } from "node:fs";
import { run } from "../run.ts";

/** The system user that PostgreSQL runs as: its server refuses to run as root. */
export interface ServerUser {
  uid: number;
  gid: number;
}

const OWN_USER = "odoo-tenants";

/**
 * This process's user, or as root: the owner of `data` when an earlier start made it, else the user `postgres` if the
 * machine has one, else a system user of the sandbox's own, made when it is missing.
 */
export async function serverUser(data: string): Promise<ServerUser> {
  const self = userInfo();
  if (self.uid !== 0) return self;
  const owner = statSync(data, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return owner;
  const found = (await lookUp("postgres")) ?? (await lookUp(OWN_USER));
  if (found) return found;
  await run("useradd", ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", OWN_USER]);
  const made = await lookUp(OWN_USER);
  if (!made)
    throw new Error(`the system user ${OWN_USER} was made but cannot be looked up (getent passwd ${OWN_USER})`);
  return made;
}

async function lookUp(name: string): Promise<ServerUser | undefined> {
  const line = await run("getent", ["passwd", name]).catch(() => "");
  const [, , uid, gid] = line.split(":");
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}
