import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { StateStore } from "../../../sandbox/cloudflare/world/store.ts";
import { undoAfter } from "../../undo.ts";

function stateFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "cloudflare-state-"));
  undoAfter(t, () => rmSync(folder, { recursive: true }));
  return join(folder, "state.sqlite");
}

test("objects are as they were when the file is opened again", (t) => {
  const file = stateFile(t);
  const store = new StateStore(file);
  const things = store.collection<{ n: number }>("thing");
  things.put("a", { n: 1 });
  things.put("a", { n: 2 });
  things.put("b", { n: 3 });
  things.delete("b");
  store.collection("other").put("c", {});
  store.close();
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const again = new StateStore(file);
  assert.deepEqual(again.collection("thing").all(), [{ n: 2 }]);
  again.close();
});

test("what was written before kill -9 is there afterwards", async (t) => {
  const file = stateFile(t);
  const script = `
    import { StateStore } from ${JSON.stringify(new URL("../../../sandbox/cloudflare/world/store.ts", import.meta.url).href)};
    const things = new StateStore(${JSON.stringify(file)}).collection("thing");
    for (let n = 0; ; n++) { things.put(String(n), { n }); if (n % 10 === 0) { console.log(n); await new Promise(setImmediate); } }`;
  const writer = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = 0;
  createInterface({ input: writer.stdout }).on("line", (line) => {
    told = Number(line);
    if (told >= 200) writer.kill("SIGKILL");
  });
  await once(writer, "close");
  const store = new StateStore(file);
  const kept = store.collection<{ n: number }>("thing").all().length;
  store.close();
  assert.ok(told >= 200 && kept > told, `${told} were told to be written, ${kept} are there`);
});

test("a second process on the same file is refused", (t) => {
  const file = stateFile(t);
  const store = new StateStore(file);
  store.collection("thing").put("a", {});
  assert.throws(() => new StateStore(file), /is another emulator running on it\?/);
  store.close();
});
