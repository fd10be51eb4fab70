import provider from "@pulumi/pulumi/proto/provider_pb.js";
import type { Failure } from "./check.ts";
import { topLevel, type Change, type Difference } from "./difference.ts";

type CheckFailure = InstanceType<typeof provider.CheckFailure>;
type DiffResponse = InstanceType<typeof provider.DiffResponse>;

/**
 * Failures as bridged providers report them: the property stands in the reason, because the engine would show a
 * failing property's value, which may be long or secret.
 */
export function checkFailures(failures: readonly Failure[], resourceName: string): CheckFailure[] {
  return failures.map(({ path, reason }) =>
    new provider.CheckFailure().setReason(`${reason}. Examine values at '${resourceName}.${path}'.`),
  );
}

export function diffResponse(difference: Difference): DiffResponse {
  const { DIFF_SOME, DIFF_NONE } = provider.DiffResponse.DiffChanges;
  const response = new provider.DiffResponse();
  const changed = [...difference.changes];
  response.setChanges(changed.length === 0 ? DIFF_NONE : DIFF_SOME);
  response.setDiffsList([...new Set(changed.map(([path]) => topLevel(path)))].toSorted());
  const replacing = changed.filter(([, change]) => change.replace);
  response.setReplacesList([...new Set(replacing.map(([path]) => topLevel(path)))].toSorted());
  response.setDeletebeforereplace(difference.deleteBeforeReplace);
  response.setHasdetaileddiff(true);
  for (const [path, change] of changed) response.getDetaileddiffMap().set(path, propertyDiff(change));
  return response;
}

function propertyDiff({ kind, replace }: Change): InstanceType<typeof provider.PropertyDiff> {
  const { ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE } = provider.PropertyDiff.Kind;
  const kinds = {
    add: [ADD, ADD_REPLACE],
    delete: [DELETE, DELETE_REPLACE],
    update: [UPDATE, UPDATE_REPLACE],
  } as const;
  return new provider.PropertyDiff().setKind(kinds[kind][replace ? 1 : 0]);
}
