/**
 * All providers in one process, for a server that runs the engine again and again: prints one line of JSON,
 * {"cloudflare": port, "postgresql": port, "command": port}, for PULUMI_DEBUG_PROVIDERS. Saves starting three
 * processes with every run, and their memory. Stops on SIGTERM, SIGINT, or the end of a piped standard input.
 */
import { serveProvider } from "./framework/server.ts";
import { untilStopped } from "./lifetime.ts";
import { loadProvider, PROVIDERS, type ProviderName } from "./providers.ts";

const names = Object.keys(PROVIDERS) as ProviderName[];
const served = await Promise.all(names.map(async (name) => await serveProvider(await loadProvider(name))));
untilStopped(async () => {
  await Promise.all(served.map(async (each) => await each.close()));
});
console.log(JSON.stringify(Object.fromEntries(names.map((name, index) => [name, served[index]?.port]))));
