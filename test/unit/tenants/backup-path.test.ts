import assert from "node:assert/strict";
import { test } from "node:test";
import { backupPath } from "../../../automation/tenants/backup-path.ts";

test("the path of a backup is found among what the engine said, and only there", () => {
  const path = "/var/backups/odoosaas/acme/20260301T000000Z";
  const said = (message: string) => ({ severity: "info" as const, message });
  assert.equal(backupPath([said("Deleting..."), said(`backup ${path}`)]), path);
  assert.equal(backupPath([said(`some line\nbackup ${path}\nanother`)]), path);
  assert.equal(backupPath([said(`no backup ${path}`), said("backup failed")]), undefined);
  assert.equal(backupPath(undefined), undefined);
});
