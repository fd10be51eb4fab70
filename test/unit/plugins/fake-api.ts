import type { TestContext } from "node:test";
import { CloudflareApi } from "../../../sandbox/plugins/cloudflare/api.ts";
import type { Difference } from "../../../sandbox/plugins/framework/difference.ts";
import type { Call, OldState } from "../../../sandbox/plugins/framework/stand-in.ts";
import type { Properties } from "../../../sandbox/plugins/framework/value.ts";
import { directCall } from "./direct-call.ts";
import { httpFake, type Reply, type SeenRequest } from "./http-fake.ts";

export interface FakeApi {
  call: Call<CloudflareApi>;
  seen: SeenRequest[];
  /** Method and path of each request. */
  lines: () => string[];
}

/** Calls that meet these replies, without pauses between repetitions. */
export async function fakeApi(t: TestContext, ...replies: Reply[]): Promise<FakeApi> {
  const { baseUrl, seen } = await httpFake(t, replies);
  const pause = async (): Promise<void> => {};
  return {
    call: directCall(new CloudflareApi({ baseUrl, headers: {}, pause })),
    seen,
    lines: () => seen.map(({ line }) => line.replace("/client/v4/", "")),
  };
}

export function old(outputs: Properties, inputs: Properties = {}): OldState {
  return { id: outputs["id"] as string, inputs, outputs };
}

export function changed(difference: Difference): Record<string, string> {
  return Object.fromEntries(
    [...difference.changes].map(([path, { kind, replace }]) => [path, replace ? `${kind} (replaces)` : kind]),
  );
}
