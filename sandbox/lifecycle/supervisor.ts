import { rmSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { buildConnector } from "../connector/build.ts";
import { providePlugins } from "../engine/plugins.ts";
import { provideEngine, type Engine } from "../engine/provide.ts";
import { provideHostTree, type RunningHost } from "../host/host.ts";
import type { Instance } from "../instance.ts";
import { ensureDatabases } from "../postgres/databases.ts";
import { startPostgres, superuser } from "../postgres/server.ts";
import type { RunningProcess } from "../process.ts";
import type { Progress } from "../progress.ts";
import { listTenants } from "./api.ts";
import { DEMO, sendCheckout, untilServed } from "./checkout.ts";
import { startClouds } from "./clouds.ts";
import { startTenantHost } from "./host.ts";
import { removeLeftovers } from "./leftovers.ts";
import type { Message, SupervisorOptions } from "./messages.ts";
import { unchangedHostKey, upPlatform } from "./platform-stack.ts";
import { PortsTaken, takenPorts } from "./prerequisites.ts";
import { prepareProject } from "./project.ts";
import { RunKeeper } from "./running.ts";
import { instanceSecrets, type InstanceSecrets } from "./secrets.ts";
import { startServer } from "./server.ts";
import { describe, type SandboxStatus } from "./status.ts";
import { Steps } from "./steps.ts";

/**
 * Starts the parts of one instance in their order, watches them, and stops them in the reverse. Nothing of an earlier
 * run may be left, and the instance's network must be there.
 */
export class Supervisor {
  readonly #instance: Instance;
  readonly #options: SupervisorOptions;
  readonly #steps: Steps;
  readonly #secrets: InstanceSecrets;
  readonly #keeper: RunKeeper;
  /** Ends what can be ended early when the start is given up. */
  readonly #givenUp = new AbortController();
  /** Resolves when no step of the start runs any more. */
  #settled: Promise<unknown> = Promise.resolve();
  /** Set as they come up. */
  readonly #running: {
    postgres?: RunningProcess;
    clouds?: RunningProcess;
    host?: RunningHost;
    server?: RunningProcess;
  } = {};

  constructor(instance: Instance, options: SupervisorOptions, tell: (message: Message) => void) {
    this.#instance = instance;
    this.#options = options;
    this.#steps = new Steps((event) => tell({ kind: "step", event }));
    this.#secrets = instanceSecrets(instance);
    this.#keeper = new RunKeeper(instance, (part) => tell({ kind: "part-ended", ...part }));
  }

  /** Brings everything up. Throws the first failure; `stop` must be called then, too. */
  async start(): Promise<SandboxStatus> {
    this.#keeper.enter("starting");
    const taken = await takenPorts(this.#instance);
    if (taken.length > 0) throw new PortsTaken(taken);
    prepareProject(this.#instance);
    const parts = this.#startParts();
    this.#settled = Promise.allSettled(parts);
    await Promise.all(parts);
    if (this.#options.demo) await this.#ensureDemoTenant();
    const tenants = this.#running.server ? await listTenants(this.#instance, this.#secrets) : [];
    // Its last part may have come up while the rest was being stopped already: that is not ready.
    this.#givenUp.signal.throwIfAborted();
    this.#keeper.enter("ready");
    return describe(this.#instance, this.#secrets, tenants);
  }

  /** Those that need one another wait for one another; all else runs side by side. */
  #startParts(): Promise<unknown>[] {
    const { cache } = this.#instance;
    const engine = this.#provideEngine();
    const tree = this.#step("Tenant host's system", (progress) => provideHostTree(cache, progress));
    const connector = this.#step("Connector", (progress) => buildConnector(cache, progress));
    const postgres = this.#startPostgres();
    const clouds = this.#startClouds();
    const host = Promise.all([tree, connector, postgres]).then(([root, binary]) => this.#startHost(root, binary));
    const below = [engine, tree, connector, postgres, clouds, host];
    if (this.#options.withoutPlatform) return below;

    // When the platform's stack has the same inputs as at its last update, its outputs are what they were, and the
    // server need not wait for the host: that is what makes a second start quick.
    const expected = postgres.then(() => unchangedHostKey(this.#instance, this.#secrets));
    const early = Promise.all([expected, engine, clouds]).then(async ([key, pulumi]) => {
      if (key !== undefined) await this.#startServer(pulumi);
    });
    const platform = Promise.all([expected, engine, host, early]).then(async ([key, pulumi, { sshHostKey }]) => {
      if (sshHostKey === key) return;
      await this.#step("Platform stack", (progress) =>
        upPlatform(this.#instance, pulumi, this.#secrets, sshHostKey, progress),
      );
      await this.#running.server?.stop();
      await this.#startServer(pulumi);
    });
    return [...below, expected, early, platform];
  }

  /** Stops everything, in an order in which each still has what it needs to end well. Works during a start as well. */
  async stop(): Promise<void> {
    this.#keeper.enter("stopping");
    this.#givenUp.abort(new Error("the start was given up"));
    const { server, host, clouds, postgres } = this.#running;
    if (server) await this.#steps.run("Stopping the Automation API server", () => server.stop());
    if (host) await this.#steps.run("Stopping the tenant host", () => host.stop());
    if (clouds) await this.#steps.run("Stopping the emulators", () => clouds.stop());
    if (postgres) await this.#steps.run("Stopping PostgreSQL", () => postgres.stop());
    // What a start that was given up had begun, and what it still begins until its steps have noticed.
    await removeLeftovers(this.#instance);
    await Promise.race([this.#settled, setTimeout(60_000, undefined, { ref: false })]);
    await removeLeftovers(this.#instance);
    this.#keeper.end();
    if (this.#options.temporary) rmSync(this.#instance.directory, { recursive: true, force: true });
  }

  async #step<T>(title: string, work: (progress: Progress) => Promise<T>, note?: (result: T) => string): Promise<T> {
    this.#givenUp.signal.throwIfAborted();
    return await this.#steps.run(title, work, note);
  }

  async #provideEngine(): Promise<Engine> {
    const origins = { path: "from PATH", download: "downloaded", build: "built from source" } as const;
    const [engine] = await Promise.all([
      this.#step(
        "Pulumi engine",
        (progress) => provideEngine(this.#instance.cache, progress, this.#givenUp.signal),
        ({ version, origin }) => `${version}, ${origins[origin]}`,
      ),
      this.#step(
        "Provider plugins",
        () => providePlugins(this.#instance),
        (origin) => `the ${origin} ones`,
      ),
    ]);
    return engine;
  }

  async #startPostgres(): Promise<void> {
    const { gateway } = this.#instance.network;
    const password = this.#secrets.postgresSuperuser;
    const start = async (progress: Progress) => {
      const server = await startPostgres(this.#instance, { password, listen: ["127.0.0.1", gateway] }, progress);
      this.#running.postgres = this.#keeper.watch(server.process);
      progress("roles and databases");
      await ensureDatabases(superuser(this.#instance, password), this.#secrets.postgresRoles);
      return server.version;
    };
    await this.#step("PostgreSQL", start, (version) => version);
  }

  async #startClouds(): Promise<void> {
    await this.#step("Cloudflare and Stripe emulators", async () => {
      this.#running.clouds = this.#keeper.watch(await startClouds(this.#instance, this.#secrets));
    });
  }

  async #startHost(tree: string, connector: string): Promise<RunningHost> {
    return await this.#step("Tenant host", async (progress) => {
      const host = await startTenantHost(this.#instance, this.#secrets, { tree, connector }, progress);
      this.#keeper.watchHost();
      this.#running.host = host;
      return host;
    });
  }

  async #startServer(engine: Engine): Promise<void> {
    if (this.#options.withoutServer) return;
    await this.#step("Automation API server", async () => {
      const { serverSettings } = this.#options;
      const server = await startServer(this.#instance, engine, this.#secrets, serverSettings, "requests");
      this.#running.server = this.#keeper.watch(server);
    });
  }

  /** The first tenant comes as every other: by a paid checkout. Later starts find it. */
  async #ensureDemoTenant(): Promise<void> {
    await this.#step(`Tenant ${DEMO.subdomain}`, async (progress) => {
      const tenants = await listTenants(this.#instance, this.#secrets);
      const found = tenants.find(({ subdomain }) => subdomain === DEMO.subdomain);
      if (found && found.state !== "active") return progress(found.state); // its owner has other plans with it
      if (!found) await sendCheckout(this.#instance, DEMO);
      await untilServed(this.#instance, this.#secrets, DEMO.subdomain, progress);
    });
  }
}
