import express, { type Express, Router } from "express";
import type { CloudflareConfig } from "../config.ts";
import { NotEmulated } from "../world/api-error.ts";
import type { CloudflareWorld } from "../world/world.ts";
import { adminRoutes } from "./admin.ts";
import { authenticate } from "./authentication.ts";
import { CallCounts } from "./calls.ts";
import { dnsRecordRoutes } from "./dns-records.ts";
import { answerFailure } from "./envelope.ts";
import { Faults, sufferFaults } from "./faults.ts";
import { limitRate, RateLimiter } from "./rate-limit.ts";
import { tokenRoutes } from "./tokens.ts";
import { tunnelConfigurationRoutes } from "./tunnel-configurations.ts";
import { tunnelConnectionRoutes } from "./tunnel-connections.ts";
import { tunnelRoutes } from "./tunnels.ts";
import { zoneRoutes } from "./zones.ts";

export interface Api {
  app: Express;
  faults: Faults;
  calls: CallCounts;
}

/** Cloudflare's REST API, version 4, of one account. */
export function createApi(world: CloudflareWorld, config: CloudflareConfig): Api {
  const faults = new Faults();
  const calls = new CallCounts();
  const limiter = new RateLimiter(config.rateLimit);
  const v4 = Router();
  v4.use((req, _res, next) => {
    calls.count(req.method, req.path);
    next();
  });
  v4.use(express.json({ limit: "1mb" }));
  v4.use(sufferFaults(faults, world));
  v4.use(authenticate(config));
  v4.use(limitRate(limiter, world.now));
  v4.use(
    tunnelRoutes(world),
    tunnelConnectionRoutes(world),
    tunnelConfigurationRoutes(world),
    zoneRoutes(world),
    dnsRecordRoutes(world),
    tokenRoutes(world),
  );

  const app = express();
  app.disable("x-powered-by").disable("etag").set("query parser", "simple");
  app.use("/client/v4", v4);
  app.use("/__{*door}", express.json());
  app.use(adminRoutes({ faults, calls, limiter, tokens: config.tokens, now: world.now }));
  app.use(() => {
    throw new NotEmulated("this path");
  });
  app.use(answerFailure);
  return { app, faults, calls };
}
