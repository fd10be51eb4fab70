import { createServer } from "node:http";
import { hostname } from "node:os";
import { type Logger, pino } from "pino";
import { SettingsError } from "../components/field-error.ts";
import { loggedError, REDACTED_PATHS } from "./api/http/logging.ts";
import { startApi } from "./api/start.ts";
import { CloudflareBudget } from "./cloudflare/budget.ts";
import { Database } from "./db/database.ts";
import { Listener } from "./db/listener.ts";
import { migrate } from "./db/migrate.ts";
import { engineEnvironment } from "./engine/environment.ts";
import { cliVersion, pluginOf } from "./engine/installation.ts";
import { readPlatformStack } from "./engine/platform-stack.ts";
import { PulumiEngine } from "./engine/pulumi-engine.ts";
import { BossQueue } from "./queue/boss-queue.ts";
import { LiveSecrets } from "./secrets/live-secrets.ts";
import { reloading } from "./secrets/reload.ts";
import { readSettings, type ServerSettings } from "./settings.ts";
import { stripeClient } from "./stripe/client.ts";
import type { StripeDeps } from "./stripe/deps.ts";
import { webhookRoute } from "./stripe/webhook.ts";
import { LiveClouds } from "./tenants/clouds.ts";
import { DatabaseTenants } from "./tenants/database-tenants.ts";
import { PlatformSource } from "./tenants/platform-source.ts";
import { edgeProbe } from "./tenants/probe.ts";
import { startWorker } from "./worker.ts";

const given = readOrExit();
const logger = pino({
  level: given.logLevel,
  base: { role: given.role, pid: process.pid },
  timestamp: pino.stdTimeFunctions.isoTime,
  serializers: { err: loggedError },
  redact: { paths: [...REDACTED_PATHS], censor: "[redacted]" },
});
const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopping.abort());
await serve(given, logger).catch((error: unknown) => {
  logger.fatal({ err: error }, "the server could not go on");
  process.exitCode = 1;
});
// Sockets of clients that a library keeps must not hold up an orderly end.
setTimeout(() => process.exit(), 1_000).unref();

function readOrExit(): ServerSettings {
  try {
    const [, , role] = process.argv;
    return readSettings(role === undefined ? process.env : { ...process.env, ROLE: role });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error(error.message);
    process.exit(78); // EX_CONFIG
  }
}

/** Starts the process's role, and resolves when it has been told to stop and has stopped. */
async function serve(settings: ServerSettings, log: Logger): Promise<void> {
  const worker = `${hostname()}:${process.pid}:${Date.now().toString(36)}`;
  const onError = (what: string) => (error: Error) => log.warn({ err: error }, what);
  const closing: (() => Promise<void>)[] = [];
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

    const { command, home, parallelism } = settings.engine;
    const env = engineEnvironment(process.env, {
      backendUrl: settings.engine.backendUrl,
      pulumiHome: home,
      ...(settings.engine.passphrase !== undefined && { passphrase: settings.engine.passphrase }),
    });
    const [version, platformStack] = await Promise.all([
      cliVersion(command, env),
      readPlatformStack(command, env, settings.platformStack),
    ]);
    const cloudflare = new CloudflareBudget(db, settings.cloudflareLimit);
    const platform = new PlatformSource(
      platformStack.settings,
      async () => (await readPlatformStack(command, env, settings.platformStack)).settings,
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
    const stripe: StripeDeps = {
      database: db,
      tenants,
      queue,
      stripe: stripeClient(settings.stripe),
      settings: settings.stripe,
      now: () => new Date(),
      log: (message, facts) => log.info(facts ?? {}, message),
    };

    let stopWorker = async (): Promise<void> => {};
    if (settings.role !== "api") {
      const engine = new PulumiEngine({
        command,
        version,
        env,
        pulumiHome: home,
        secrets: platformStack.secrets,
        programModule: new URL("./engine/stack-program.ts", import.meta.url).href,
        parallelism,
        plugins: settings.engine.keepProviders.map(pluginOf),
        log: (line) => log.warn(line),
      });
      closing.push(() => engine.close());
      engine.warm().catch(onError("the engine's slots could not be prepared; the first runs do it"));
      const running = await startWorker({
        io: {
          db,
          engine,
          platform: platform.get,
          platformStack: settings.platformStack,
          probe: edgeProbe({ edgeAddress: settings.edgeAddress, deadlineMs: settings.probeSeconds * 1_000 }),
          cloudflare,
          worker,
          now: () => new Date(),
          log,
        },
        db,
        queue,
        stripe,
        log,
        limits: settings.limits,
        every: {
          sweep: settings.sweepSeconds * 1_000,
          stripeCatchUp: settings.stripe.catchUpSeconds * 1_000,
          stripeClocks: settings.stripe.clocksSeconds * 1_000,
        },
      });
      stopWorker = async () => {
        queueRuns = false;
        await running.stop(settings.drainSeconds * 1_000);
      };
    }

    let url: string | undefined;
    let stopApi = async (): Promise<void> => {};
    if (settings.api !== undefined) {
      const api = await startApi({
        settings: settings.api,
        edgeAddress: settings.edgeAddress,
        log,
        database: db,
        tenants,
        queue,
        cloudflareBudget: cloudflare,
        platform: platform.settings,
        platformStack: settings.platformStack,
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
      stopApi = () => api.stop();
    } else if (settings.healthPort !== undefined) {
      stopApi = await serveHealth(settings.healthPort, db, stopping.signal);
    }
    log.info({ url, worker, parallelism: settings.role === "api" ? 0 : parallelism, pulumi: version }, "listening");

    await stopped();
    log.info("stopping: running work ends first");
    await Promise.all([stopApi(), stopWorker()]);
    log.info("stopped");
  } finally {
    for (const close of closing.toReversed()) await close().catch(onError("closing"));
  }
}

function stopped(): Promise<void> {
  return new Promise((resolve) => {
    if (stopping.signal.aborted) resolve();
    else stopping.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** For a process without an API: alive, and able to work. */
async function serveHealth(port: number, db: Database, leaving: AbortSignal): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    const ready =
      request.url === "/readyz"
        ? leaving.aborted
          ? Promise.reject(new Error("stopping"))
          : db.query("select 1")
        : Promise.resolve();
    ready.then(
      () => response.writeHead(200).end("ok\n"),
      (error: unknown) => response.writeHead(503).end(`${(error as Error).message}\n`),
    );
  }).listen(port, "127.0.0.1");
  return async () => {
    server.close();
    server.closeAllConnections();
  };
}
