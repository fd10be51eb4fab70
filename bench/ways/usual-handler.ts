// The usual way to drive Pulumi from a webhook, as the Automation API's examples show it: the handler of the request
// makes or selects the stack, and calls `up`. A process of its own, as a server is. Its one argument is a file with the
// platform's settings and the webhook's secret; prints the port that it listens on.
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { LocalWorkspace } from "@pulumi/pulumi/automation/index.js";
import { Stripe } from "stripe";
import { tenantProgram } from "../../components/program.ts";
import { tenantStackName } from "../../components/stack-names.ts";
import { PlatformSettings } from "../../components/settings/platform-settings.ts";
import { PROJECT } from "../../components/settings/stack-config.ts";
import { tenantOf } from "./tenant.ts";

const [, , file = ""] = process.argv;
const given = JSON.parse(readFileSync(file, "utf8")) as { platform: unknown; webhookSecret: string };
const platform = PlatformSettings.parse(given.platform);

async function handle(request: IncomingMessage): Promise<void> {
  const signature = request.headers["stripe-signature"] ?? "";
  const event = Stripe.webhooks.constructEvent(await text(request), signature, given.webhookSecret);
  if (event.type !== "checkout.session.completed") return;
  const { metadata, customer_details: details } = event.data.object;
  const checkout = { subdomain: metadata?.["subdomain"] ?? "", email: details?.email ?? "" };
  const stack = await LocalWorkspace.createOrSelectStack({
    projectName: PROJECT,
    stackName: tenantStackName(checkout.subdomain),
    program: tenantProgram(platform, tenantOf(platform, checkout)),
  });
  await stack.up();
}

const server = createServer((request, response) => {
  handle(request).then(
    () => response.end("ok\n"),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => console.log(String((server.address() as AddressInfo).port)));
