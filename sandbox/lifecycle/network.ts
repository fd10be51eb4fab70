import type { Instance } from "../instance.ts";
import { run } from "../run.ts";

/** Makes the instance's bridge with the gateway's address, or completes it. */
export async function ensureBridge(instance: Instance): Promise<void> {
  const { bridge, gateway, prefix } = instance.network;
  if (!(await linkExists(bridge))) await run("ip", ["link", "add", bridge, "type", "bridge", "forward_delay", "0"]);
  await run("ip", ["address", "replace", `${gateway}/${prefix}`, "dev", bridge]);
  await run("ip", ["link", "set", bridge, "up"]);
}

/** Removes the bridge. Safe twice. */
export async function removeBridge(instance: Instance): Promise<void> {
  const { bridge } = instance.network;
  if (await linkExists(bridge)) await run("ip", ["link", "delete", bridge]);
}

async function linkExists(name: string): Promise<boolean> {
  return await run("ip", ["link", "show", "dev", name]).then(
    () => true,
    () => false,
  );
}
