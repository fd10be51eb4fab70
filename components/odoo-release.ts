export type OdooVersion = "14.0" | "15.0" | "16.0" | "17.0" | "18.0" | "19.0";

/** All that differs between the Odoo releases we run; nothing else in components/ asks for a version. */
export interface OdooRelease {
  /** Route that keeps a browser's live connection; served by the gevent process when there is one. */
  readonly liveRoute: "longpolling" | "websocket";
  /**
   * How a clone gets its own identity: `sql` in one transaction (0.04 s), only where that is proven by the
   * end-to-end tests; `shell` by Odoo itself (seconds) everywhere else.
   */
  readonly identity: "sql" | "shell";
}

const RELEASES: Readonly<Record<OdooVersion, OdooRelease>> = {
  "14.0": { liveRoute: "longpolling", identity: "sql" },
  "15.0": { liveRoute: "longpolling", identity: "shell" },
  "16.0": { liveRoute: "websocket", identity: "shell" },
  "17.0": { liveRoute: "websocket", identity: "shell" },
  "18.0": { liveRoute: "websocket", identity: "shell" },
  "19.0": { liveRoute: "websocket", identity: "shell" },
};

export function odooRelease(version: OdooVersion): OdooRelease {
  return RELEASES[version];
}
