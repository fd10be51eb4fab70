import { readFileSync } from "node:fs";
import { startCloudflare } from "./cloudflare/server.ts";
import { CloudsConfig } from "./clouds-config.ts";
import { startStripe } from "./stripe/server.ts";

/**
 * All emulators in one process: `node sandbox/clouds.ts <config.json>`. Prints `ready` when every port listens; stops
 * on SIGTERM or SIGINT. State is on disk before a change is answered, so even kill -9 loses nothing.
 */
async function main(): Promise<void> {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new Error("usage: node sandbox/clouds.ts <config.json>");
  const config = CloudsConfig.parse(JSON.parse(readFileSync(file, "utf8")));
  const cloudflare = await startCloudflare(config);
  const stripe = await startStripe(config.stripe, {}).catch(async (error: unknown) => {
    await cloudflare.close();
    throw error;
  });
  const stop = () => {
    Promise.all([cloudflare.close(), stripe.stop()]).then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", stop).once("SIGINT", stop);
  console.log("ready");
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
