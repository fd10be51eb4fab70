import { Router } from "express";
import { z } from "zod";
import { changeSetting, readSetting } from "../world/zone-settings.ts";
import type { Zone } from "../world/zones.ts";
import { ApiError } from "../world/api-error.ts";
import type { CloudflareWorld } from "../world/world.ts";
import { permit } from "./authentication.ts";
import { answer, answerPage, pageQuery, readQuery } from "./envelope.ts";
import { checkIdentifiers } from "./identifiers.ts";

const ZoneType = z.enum(["full", "partial", "secondary", "internal"]);
const ListQuery = z.strictObject({
  ...pageQuery(50),
  name: z.string().optional(),
  status: z.enum(["initializing", "pending", "active", "moved"]).optional(),
  "account.id": z.string().optional(),
  match: z.literal("all").optional(),
});
const CreateBody = z.object({
  name: z.string().regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$/i, "must be a domain name"),
  account: z.object({ id: z.string().optional() }).optional(),
  type: ZoneType.default("full"),
  paused: z.boolean().optional(),
});
const EditBody = z.object({
  paused: z.boolean().optional(),
  type: ZoneType.optional(),
  vanity_name_servers: z.array(z.string()).optional(),
});

/** https://developers.cloudflare.com/api/resources/zones/ */
export function zoneRoutes(world: CloudflareWorld): Router {
  const { zones } = world;
  const router = Router();
  checkIdentifiers(router, world);

  router.get("/zones", permit("zone:read"), (req, res) => {
    const query = readQuery(ListQuery, req.query);
    const found = zones
      .all()
      .filter(
        (zone) =>
          (query.name === undefined || nameFits(zone.name, query.name)) &&
          (query.status === undefined || zone.status === query.status) &&
          (query["account.id"] === undefined || query["account.id"] === world.accountId),
      );
    answerPage(
      res,
      found.map((zone) => zoneView(world, zone)),
      query,
      20,
    );
  });
  router.post("/zones", permit("zone:edit"), (req, res) => {
    const body = CreateBody.parse(req.body);
    if ((body.account?.id ?? world.accountId) !== world.accountId)
      throw new ApiError(403, 10_000, "Authentication error");
    answer(res, zoneView(world, zones.create(body.name, { type: body.type, paused: body.paused ?? false })));
  });
  router.get("/zones/:zone", permit("zone:read"), (req, res) => {
    answer(res, zoneView(world, zones.get(req.params.zone)));
  });
  router.patch("/zones/:zone", permit("zone:edit"), (req, res) => {
    const { vanity_name_servers: vanityNameServers, ...rest } = EditBody.parse(req.body);
    const changes = Object.entries({ ...rest, vanityNameServers }).filter(([, value]) => value !== undefined);
    answer(res, zoneView(world, zones.update(req.params.zone, Object.fromEntries(changes))));
  });
  router.delete("/zones/:zone", permit("zone:edit"), (req, res) => {
    world.records.deleteAll(zones.get(req.params.zone));
    zones.delete(req.params.zone);
    answer(res, { id: req.params.zone });
  });

  router.get("/zones/:zone/settings/:setting", permit("zone-settings:read"), (req, res) => {
    answer(res, readSetting(zones.get(req.params.zone), req.params.setting));
  });
  router.patch("/zones/:zone/settings/:setting", permit("zone-settings:edit"), (req, res) => {
    const { zone, setting } = req.params;
    const { value } = z.object({ value: z.unknown() }).parse(req.body);
    const settings = changeSetting(zones.get(zone), setting, value, new Date(world.now()).toISOString());
    answer(res, readSetting(zones.update(zone, { settings }), setting));
  });
  return router;
}

/** `name=example.com` or with an operator, `name=contains:example`. */
function nameFits(name: string, filter: string): boolean {
  const [operator, value] = /^(equal|not_equal|starts_with|ends_with|contains):(.*)$/.exec(filter)?.slice(1) ?? [
    "equal",
    filter,
  ];
  const wanted = (value ?? "").toLowerCase();
  switch (operator) {
    case "not_equal":
      return name !== wanted;
    case "starts_with":
      return name.startsWith(wanted);
    case "ends_with":
      return name.endsWith(wanted);
    case "contains":
      return name.includes(wanted);
    default:
      return name === wanted;
  }
}

function zoneView(world: CloudflareWorld, zone: Zone) {
  return {
    id: zone.id,
    account: { id: world.accountId, name: "Sandbox" },
    name: zone.name,
    status: zone.status,
    paused: zone.paused,
    type: zone.type,
    development_mode: 0,
    name_servers: ["ada.ns.sandbox.invalid", "bob.ns.sandbox.invalid"],
    original_name_servers: null,
    original_registrar: null,
    original_dnshost: null,
    vanity_name_servers: zone.vanityNameServers,
    verification_key: "",
    activated_on: zone.status === "active" ? zone.createdOn : null,
    created_on: zone.createdOn,
    modified_on: zone.modifiedOn,
    meta: { step: 2, custom_certificate_quota: 0, page_rule_quota: 3, phishing_detected: false },
    owner: { id: null, type: "user", email: null },
    permissions: [],
    plan: {
      id: "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
      name: "Free Website",
      price: 0,
      currency: "USD",
      legacy_id: "free",
    },
    tenant: { id: null, name: null },
    tenant_unit: { id: null },
  };
}
