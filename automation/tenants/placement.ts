import type { HostSettings, PlatformSettings } from "../../components/settings/platform-settings.ts";
import { NoRoom, UnknownHost } from "./errors.ts";
import { TenantFailure } from "./reasons.ts";

/** The host for a new tenant: the one asked for, else the one with the most room. Throws UnknownHost, NoRoom. */
export function placeTenant(
  hosts: PlatformSettings["hosts"],
  carried: ReadonlyMap<number, number>,
  asked?: number,
): number {
  const room = (host: PlatformSettings["hosts"][number]): number => host.capacity - (carried.get(host.id) ?? 0);
  if (asked !== undefined) {
    const host = knownHost(hosts, asked);
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

/** Throws UnknownHost. */
export function knownHost(hosts: PlatformSettings["hosts"], containerId: number): HostSettings {
  const host = hosts.find(({ id }) => id === containerId);
  if (host !== undefined) return host;
  throw new UnknownHost(
    containerId,
    hosts.map(({ id }) => id),
  );
}

/** The host that a row is on. Throws `settings-invalid` when the configuration has lost it. */
export function placeOf(
  { hosts }: Pick<PlatformSettings, "hosts">,
  { containerId }: { readonly containerId: number },
): HostSettings {
  const host = hosts.find(({ id }) => id === containerId);
  if (host !== undefined) return host;
  throw new TenantFailure("settings-invalid", `container_id: this platform has no host ${containerId}`);
}
