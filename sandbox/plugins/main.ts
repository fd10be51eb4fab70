/**
 * A resource plugin: `node main.ts <provider> [engine address]` serves one provider and prints its port, as the engine
 * expects of its plugins. Started by the engine it lives for one run; started by hand it can be attached to with
 * PULUMI_DEBUG_PROVIDERS=<provider>:<port> by any number of runs.
 *
 * Everything is imported late, after the compile cache is on (its folder is set by the executable that install.ts writes).
 */
import { enableCompileCache } from "node:module";

const cache = process.env["ODOO_TENANTS_PLUGIN_CACHE"];
if (cache !== undefined) enableCompileCache(cache);
// What is for this process only: commands that it runs need not know.
delete process.env["ODOO_TENANTS_PLUGIN_CACHE"];
delete process.env["MALLOC_ARENA_MAX"];

const [, , name] = process.argv;
const { isProviderName, loadProvider, PROVIDERS } = await import("./providers.ts");
if (!isProviderName(name)) {
  console.error(
    `usage: node main.ts <provider>, one of ${Object.keys(PROVIDERS).join(", ")}; got ${name ?? "nothing"}`,
  );
  process.exit(2);
}
const [{ serveProvider }, provider, { untilStopped }] = await Promise.all([
  import("./framework/server.ts"),
  loadProvider(name),
  import("./lifetime.ts"),
]);
const served = await serveProvider(provider);
untilStopped(async () => await served.close());
console.log(String(served.port));
