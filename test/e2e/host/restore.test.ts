import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { startWorld, type World } from "../world.ts";

let world: World;
before(async () => {
  world = await startWorld({ upTo: "platform" });
});
after(() => world?.close());

const quiet = { suppressProgress: true } as const;
const letter = { name: "letter.txt", datas: Buffer.from("to Acme").toString("base64") };

test("a deleted tenant comes back with all it had by the commands of docs/operations/backup.md", async () => {
  const former = await world.stack({ subdomain: "acme" });
  await former.up(quiet);
  const session = await world.login("acme");
  const partner = await world.callOdoo("acme", session, "res.partner", "create", [{ name: "Wile E." }]);
  const attachment = await world.callOdoo("acme", session, "ir.attachment", "create", [letter]);
  await former.destroy(quiet);
  const backup = await world.host.ok("ls -d /var/backups/odoosaas/acme/*");

  await (await world.stack({ subdomain: "acme" })).up(quiet);
  const anew = await world.login("acme");
  const named = async (as: string, model: string, name: string) =>
    await world.callOdoo("acme", as, model, "search_read", [[["name", "=", name]], ["name"]]);
  assert.deepEqual(await named(anew, "res.partner", "Wile E."), [], "it is another database");

  await world.host.ok("bash", commands().replace(/^backup=.*$/m, `backup=${backup}`));

  const back = await world.login("acme");
  assert.deepEqual(await named(back, "res.partner", "Wile E."), [{ id: partner, name: "Wile E." }]);
  assert.deepEqual(await world.callOdoo("acme", back, "ir.attachment", "read", [[attachment], ["datas"]]), [
    { id: attachment, datas: letter.datas },
  ]);
  const owners = "select distinct tableowner from pg_tables where schemaname = 'public'";
  assert.deepEqual(await world.sql(owners, [], "acme"), [{ tableowner: "tenant_acme" }]);

  // It is a tenant as any other.
  await (await world.stack({ subdomain: "acme", plan: "business" })).up(quiet);
  await world.login("acme");
  await (await world.stack({ subdomain: "acme", plan: "business" })).destroy(quiet);
  assert.deepEqual(await world.sql("select 1 from pg_database where datname = 'acme'"), []);
});

/** The block below "Restore". */
function commands(): string {
  const page = readFileSync(new URL("../../../docs/operations/backup.md", import.meta.url), "utf8");
  const block = /^## Restore$.*?^```sh\n(.*?)^```$/ms.exec(page)?.[1];
  assert.ok(block, "the page has the commands");
  return block;
}
