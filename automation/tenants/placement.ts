import type { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { NoRoom, UnknownHost } from "./errors.ts";

/** The host for a new tenant: the one asked for, else the one with the most room. Throws UnknownHost, NoRoom. */
export function placeTenant(
  hosts: PlatformSettings["hosts"],
  carried: ReadonlyMap<number, number>,
  asked?: number,
): number {
  const room = (host: PlatformSettings["hosts"][number]): number => host.capacity - (carried.get(host.id) ?? 0);
  if (asked !== undefined) {
    const host = hosts.find(({ id }) => id === asked);
    if (host === undefined)
      throw new UnknownHost(
        asked,
        hosts.map(({ id }) => id),
      );
    if (room(host) <= 0) throw new NoRoom(asked, host.capacity);
    return asked;
  }
  const roomiest = hosts.toSorted((a, b) => room(b) - room(a))[0];
  if (roomiest === undefined || room(roomiest) <= 0)
    throw new NoRoom(
      undefined,
      hosts.reduce((sum, { capacity }) => sum + capacity, 0),
    );
  return roomiest.id;
}
