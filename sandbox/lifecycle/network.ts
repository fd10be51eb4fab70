import { existsSync, readFileSync } from "node:fs";
import { moveInstance, type Instance } from "../instance.ts";
import { run } from "../run.ts";
import { hostDirectory } from "./host.ts";

/** Another sandbox has the bridge of this instance's network. */
export class NetworkTaken extends Error {
  constructor(instance: Instance, owner: string) {
    const { bridge, gateway } = instance.network;
    super(
      `the network of ${gateway} (${bridge}) is in use by the sandbox in ${owner}: stop that one first, or reset this one to get another network`,
    );
    this.name = "NetworkTaken";
  }
}

/**
 * Makes the instance's bridge, with the gateway's address. Two sandboxes with state directories of their own do not know
 * of each other's choice: where another has the network, an instance that was never started moves to a free one.
 * Resolves with the instance as it is then. Throws NetworkTaken.
 */
export async function claimNetwork(instance: Instance): Promise<Instance> {
  try {
    await ensureBridge(instance);
    return instance;
  } catch (error) {
    if (!(error instanceof NetworkTaken) || existsSync(hostDirectory(instance))) throw error;
    return await claimNetwork(await moveInstance(instance.name));
  }
}

async function ensureBridge(instance: Instance): Promise<void> {
  const { bridge, gateway, prefix } = instance.network;
  // The kernel lets only one of two makers succeed; the alias tells whose it is, at once and all over the machine.
  const made = await run("ip", ["-batch", "-"], {
    input: [
      `link add ${bridge} type bridge forward_delay 0`,
      `link set ${bridge} alias ${alias(instance)}`,
      `address add ${gateway}/${prefix} dev ${bridge}`,
      `link set ${bridge} up`,
    ].join("\n"),
  }).catch((error: unknown) => error);
  if (made instanceof Error && !isOurs(instance)) {
    if (ownerOf(bridge) !== undefined) throw new NetworkTaken(instance, ownerOf(bridge) || "another directory");
    throw made;
  }
}

/** Removes the instance's bridge. Safe twice; another's of the same name stays. */
export async function removeBridge(instance: Instance): Promise<void> {
  if (isOurs(instance)) await run("ip", ["link", "delete", instance.network.bridge]);
}

/** A link's alias has 255 bytes at most, and `ip` reads it as one word. */
function alias(instance: Instance): string {
  return encodeURI(instance.directory).slice(-255);
}

function isOurs(instance: Instance): boolean {
  return ownerOf(instance.network.bridge) === alias(instance);
}

/** The bridge's alias: empty when it has none, undefined when there is no such bridge. */
function ownerOf(bridge: string): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${bridge}/ifalias`, "utf8").trim();
  } catch {
    return undefined;
  }
}
