import { hostname } from "node:os";
import type { Logger } from "pino";
import { startApi } from "./api/start.ts";
import { CloudflareBudget } from "./cloudflare/budget.ts";
import { Database } from "./db/database.ts";
import { Listener } from "./db/listener.ts";
import { migrate } from "./db/migrate.ts";
import { installedEngine } from "./engine/installed-engine.ts";
import { warmUp } from "./engine/warm-up.ts";
import { serveHealth } from "./health-server.ts";
import { prune } from "./pruning.ts";
import { BossQueue } from "./queue/boss-queue.ts";
import type { ReadinessCheck } from "./readiness.ts";
import { LiveSecrets } from "./secrets/live-secrets.ts";
import { reloading } from "./secrets/reload.ts";
import type { ServerSettings } from "./settings.ts";
import { connectStripe } from "./stripe/client.ts";
import type { StripeDeps } from "./stripe/deps.ts";
import { webhookRoute } from "./stripe/webhook.ts";
import { LiveClouds } from "./tenants/clouds.ts";
import { DatabaseTenants } from "./tenants/database-tenants.ts";
import { PlatformSource } from "./tenants/platform-source.ts";
import { edgeProbe } from "./tenants/probe.ts";
import { DatabaseTunnels } from "./tunnels/database-tunnels.ts";
import { type RunningWorker, startWorker } from "./worker.ts";

const PRUNED_EVERY_MS = 3_600_000;

/**
 * Starts the process's role, and resolves when it has been told to stop and has stopped. It listens as soon as events
 * can be stored; what takes longer (the platform's stack is read, the engine warmed) goes on beside, and /readyz tells.
 */
export async function serve(settings: ServerSettings, log: Logger, stopping: AbortSignal): Promise<void> {
  const worker = `${hostname()}:${process.pid}:${Date.now().toString(36)}`;
  const onError = (what: string) => (error: Error) => log.warn({ err: error }, what);
  /** What is undone at the end, the last first; each once. */
  const closing: (() => Promise<void>)[] = [];
  const installed = installedEngine(settings, process.env);
  // Whoever waits for it must not wait for ever when the process is told to stop meanwhile.
  const reading = Promise.race([installed.read(), rejectedWhen(stopping)]);
  reading.catch(() => {}); // told where it is waited for
  try {
    const db = new Database(settings.databaseUrl, {
      applicationName: `odoosaas-${settings.role}`,
      connections: 20,
      onError: onError("a database connection broke"),
    });
    closing.push(() => db.end());
    const migrated = await migrate(db, (line) => log.debug(line));
    if (migrated.length > 0) log.info({ migrated }, "the database was brought up to date");
    const listener = new Listener(settings.databaseUrl);
    closing.push(() => listener.close());

    const cloudflare = new CloudflareBudget(db, settings.cloudflareLimit);
    const platform = new PlatformSource(
      reading.then((stack) => stack.settings),
      async () => (await installed.read()).settings,
      (read) => new LiveClouds(read, cloudflare),
    );
    closing.push(() => platform.close());
    const secrets = new LiveSecrets(
      { JWT_SECRET: settings.api?.tokens.secrets ?? [], STRIPE_WEBHOOK_SECRET: settings.stripe.webhookSecrets },
      { env: process.env, log: (line) => log.info(line) },
    );
    closing.push(async () => secrets.close());
    const notReloaded = onError("the platform's settings could not be read again");
    const { everywhere } = await reloading(
      db,
      listener,
      worker,
      async () => {
        secrets.reload();
        await platform.reload();
        log.info("secrets and the platform's settings were read again");
      },
      notReloaded,
    );
    process.on("SIGHUP", () => void everywhere().catch(notReloaded));

    const queue = await BossQueue.start({
      db,
      name: worker,
      supervise: settings.role !== "api",
      onError: onError("the queue had a problem"),
    });
    let queueRuns = true;
    closing.push(async () => void (queueRuns && (await queue.stop(1_000))));
    const tenants = new DatabaseTenants({ db, queue, listener, platform: platform.settings });
    const { client, now } = connectStripe(settings.stripe);
    const stripe: StripeDeps = {
      database: db,
      tenants,
      queue,
      stripe: client,
      settings: settings.stripe,
      now,
      log: (message, facts) => log.info(facts ?? {}, message),
    };

    const works = settings.role !== "api";
    let engineReady: ReadinessCheck | undefined;
    const notYet = async (): Promise<void> => Promise.reject(new Error("the engine is not there yet"));
    const checks: ReadinessCheck[] = [
      { name: "database", check: async () => void (await db.query("select 1")) },
      { name: "platform", check: async () => void (await platform.settings()) },
      { name: "queue", check: () => queue.check() },
      ...(works ? [{ name: "engine", check: () => (engineReady?.check ?? notYet)() }] : []),
    ];
    let url: string | undefined;
    let stopDoors = async (): Promise<void> => {};
    closing.push(() => stopDoors());
    if (settings.api !== undefined) {
      const api = await startApi({
        settings: settings.api,
        edgeAddress: settings.edgeAddress,
        log,
        database: db,
        tenants,
        standaloneTunnels: new DatabaseTunnels({ db, queue, platform: platform.settings }),
        queue,
        cloudflareBudget: cloudflare,
        platform: platform.settings,
        platformStack: settings.platformStack,
        readiness: checks,
        secrets: {
          state: () => secrets.state(),
          reload: everywhere,
          get jwt() {
            return secrets.jwt;
          },
        },
        webhook: webhookRoute({
          database: db,
          queue,
          settings: {
            livemode: settings.stripe.livemode,
            get webhookSecrets() {
              return secrets.stripeWebhook;
            },
          },
        }),
      });
      url = api.url;
      stopDoors = () => api.stop();
    } else if (settings.healthPort !== undefined) {
      const health = await serveHealth(settings.healthPort, checks, stopping);
      stopDoors = () => health.close();
    }

    const platformStack = await reading.catch((error: unknown) => {
      if (!stopping.aborted) throw error;
    });
    if (platformStack === undefined) return; // told to stop before it had begun
    const engine = works
      ? await installed.engine(platformStack.secrets, (line) => log.warn({ engine: true }, line))
      : undefined;
    let running: RunningWorker | undefined;
    if (engine !== undefined) {
      closing.push(() => engine.close());
      engineReady = warmUp(engine, onError("the engine's slots could not be prepared; the next look tries again"));
      running = await startWorker({
        io: {
          db,
          engine,
          platform: platform.get,
          platformStack: settings.platformStack,
          probe: edgeProbe({ edgeAddress: settings.edgeAddress, deadlineMs: settings.probeSeconds * 1_000 }),
          cloudflare,
          perHost: settings.limits.perHost,
          worker,
          now: () => new Date(),
          log,
        },
        db,
        queue,
        stripe,
        log,
        perPostgres: settings.limits.perPostgres,
        every: {
          sweep: settings.sweepSeconds * 1_000,
          stripeCatchUp: settings.stripe.catchUpSeconds * 1_000,
          stripeClocks: settings.stripe.clocksSeconds * 1_000,
          prune: PRUNED_EVERY_MS,
        },
        prune: () => prune(db, settings.engine.backendUrl, settings.kept),
      });
    }
    log.info({ url, worker, parallelism: engine?.parallelism ?? 0, pulumi: engine?.version }, "listening");

    await stopped(stopping);
    log.info("stopping: running work ends first");
    const stopWork = async (): Promise<void> => {
      if (running === undefined) return;
      queueRuns = false;
      await running.stop(settings.drainSeconds * 1_000);
    };
    const doors = stopDoors();
    stopDoors = async () => {};
    await Promise.all([doors, stopWork()]);
    log.info("stopped");
  } finally {
    for (const close of closing.toReversed()) await close().catch(onError("closing"));
  }
}

function rejectedWhen(stopping: AbortSignal): Promise<never> {
  return stopped(stopping).then(() => Promise.reject(new Error("the server is stopping")));
}

function stopped(stopping: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stopping.aborted) resolve();
    else stopping.addEventListener("abort", () => resolve(), { once: true });
  });
}
