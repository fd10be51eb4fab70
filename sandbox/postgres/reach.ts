import { statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import type { ServerUser } from "./user.ts";

/**
 * The first directory on the way to `path`, itself included, that keeps the server's user out; undefined when there is
 * none. Another user than this process's needs everybody's permission, to pass and, with `read`, to read as well.
 */
export function closedTo(user: ServerUser, path: string, options: { read: boolean }): string | undefined {
  if (user.uid === userInfo().uid) return undefined;
  const needed = options.read ? 0o005 : 0o001;
  const way: string[] = [];
  for (let each = path; each !== dirname(each); each = dirname(each)) way.unshift(each);
  return way.find((directory) => {
    const { mode, uid } = statSync(directory);
    return uid !== user.uid && (mode & needed) !== needed;
  });
}
