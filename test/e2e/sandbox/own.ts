import type { TestContext } from "node:test";
import { openInstance, type Instance } from "../../../sandbox/instance.ts";
import type { SupervisorOptions } from "../../../sandbox/lifecycle/messages.ts";
import { resetInstance } from "../../../sandbox/lifecycle/stop.ts";
import { undoAfter } from "../../undo.ts";

/** An instance that the test starts and stops by itself. */
export async function ownInstance(t: TestContext, name: string): Promise<Instance> {
  const instance = await openInstance(name);
  undoAfter(t, () => resetInstance(instance, { caches: false }));
  return instance;
}

/** As little as can be started: no platform, and so no server. */
export function supervisorOptions(instance: Instance, more: Partial<SupervisorOptions> = {}): SupervisorOptions {
  return {
    instance: instance.name,
    demo: false,
    attached: true,
    temporary: false,
    withoutPlatform: true,
    withoutServer: true,
    serverSettings: {},
    ...more,
  };
}
