import { Command, InvalidArgumentError } from "commander";
import { findInstance, type Instance, openInstance, type Ports } from "./instance.ts";
import { apiToken } from "./lifecycle/api.ts";
import { DEMO, sendCheckout } from "./lifecycle/checkout.ts";
import { missingPrerequisites, NotPossibleHere, thisMachine } from "./lifecycle/prerequisites.ts";
import { pulumiCommand } from "./lifecycle/pulumi.ts";
import { findRun } from "./lifecycle/running.ts";
import { startCommand } from "./lifecycle/start.ts";
import { instanceSecrets } from "./lifecycle/secrets.ts";
import { NotRunning, sandboxStatus } from "./lifecycle/status.ts";
import { statusText } from "./lifecycle/box.ts";
import { resetInstance, stopInstance } from "./lifecycle/stop.ts";

/** Exit code of commands that need a running sandbox. */
const NOT_RUNNING = 3;

const program = new Command("sandbox")
  .description("The whole platform on this machine, without any account.")
  .enablePositionalOptions();

program
  .command("start")
  .description("start everything, and stop it with Ctrl-C")
  .option("--detach", "return when all is up; stop with npm run stop", false)
  .option("--no-demo", `do not make the first tenant, ${DEMO.subdomain}`)
  .option("--port <name=number>", "another port: api, edge, cloudflare, stripe, postgres or tunnelEdge", addPort, {})
  .action(async (options: { detach: boolean; demo: boolean; port: Partial<Ports> }) => {
    const problems = missingPrerequisites(thisMachine());
    if (problems.length > 0) throw new NotPossibleHere(problems);
    const instance = await openInstance(undefined, options.port);
    process.exitCode = await startCommand(instance, options);
  });

program
  .command("status")
  .description("tell where everything is")
  .option("--json", "as {api, edge, tenants: [{subdomain, url, login, password, state}]}", false)
  .action(async ({ json }: { json: boolean }) => {
    const status = await sandboxStatus(findInstance());
    console.log(json ? JSON.stringify(status, undefined, 2) : statusText(status));
  });

program
  .command("stop")
  .description("stop everything; tenants and other data stay")
  .action(async () => {
    const instance = findInstance();
    const ran = instance !== undefined && (await stopInstance(instance));
    console.log(ran ? "Stopped." : "Nothing was running.");
  });

program
  .command("reset")
  .description("stop, and remove all data")
  .option("--caches", "also what took long to make: engine, host's system, connector", false)
  .action(async (options: { caches: boolean }) => {
    const instance = await openInstance();
    await resetInstance(instance, options);
    console.log(`Removed ${instance.directory}${options.caches ? ` and ${instance.cache}` : ""}.`);
  });

program
  .command("checkout")
  .description("send another paid checkout, as a customer of the emulated Stripe")
  .argument("<subdomain>")
  .option("--plan <plan>", "starter or business", DEMO.plan)
  .option("--email <address>", "the customer's; default owner@<subdomain>.example", emailAddress)
  .option("--company <name>", "the customer's; default the subdomain")
  .action(async (subdomain: string, options: { plan: string; email?: string; company?: string }) => {
    const instance = runningInstance();
    const label = subdomain.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
    const { plan, email = `owner@${label}.example`, company = subdomain } = options;
    await sendCheckout(instance, { subdomain, plan, email, company });
    console.log("Paid. npm run status shows the tenant come up, or why none can be made of it.");
  });

program
  .command("token")
  .description("print a token for the API, of an administrator, good for 12 hours: API_TOKEN=$(npm run -s token)")
  .action(async () => {
    console.log(await apiToken(instanceSecrets(runningInstance())));
  });

program
  .command("pulumi")
  .description("the engine's command line on the sandbox: npm run pulumi -- preview -s prod")
  .argument("[args...]")
  .allowUnknownOption()
  .helpOption(false)
  .passThroughOptions()
  .action(async (args: string[]) => {
    process.exitCode = await pulumiCommand(findInstance(), args);
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = error instanceof NotRunning ? NOT_RUNNING : 1;
}

function addPort(text: string, before: Partial<Ports>): Partial<Ports> {
  const [, name, port] = /^(api|edge|cloudflare|stripe|postgres|tunnelEdge)=(\d{1,5})$/.exec(text) ?? [];
  if (!name || Number(port) < 1 || Number(port) > 65_535) throw new InvalidArgumentError("write it as edge=9080");
  return { ...before, [name]: Number(port) };
}

function emailAddress(text: string): string {
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text))
    throw new InvalidArgumentError("Stripe's checkout takes no such address; write owner@globex.example");
  return text;
}

/** Throws NotRunning. */
function runningInstance(): Instance {
  const instance = findInstance();
  if (!instance || findRun(instance)?.phase !== "ready")
    throw new NotRunning("The sandbox is not running. Start it with: npm start");
  return instance;
}
