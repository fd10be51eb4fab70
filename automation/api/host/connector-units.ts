import { z } from "zod";
import { ApiError } from "../problem.ts";
import type { HostShell } from "./host-shell.ts";
import type { HostAddress } from "./ssh-connection.ts";

/** A connector's systemd service as its host sees it. */
export interface UnitStatus {
  /** false: the host knows no such service. */
  readonly installed: boolean;
  /** systemd's words: active, activating, inactive, failed, ... */
  readonly activeState: string;
  readonly subState: string;
  /** Starts with the host. */
  readonly enabled: boolean;
  readonly since: Date | null;
  /** Automatic restarts since it was last started. */
  readonly restarts: number;
  readonly pid: number | null;
  /** cloudflared's own /ready; null when it does not answer. */
  readonly ready: { readonly connections: number; readonly connectorId: string | null } | null;
}

export interface LogEntry {
  /** Position in the journal, to go on from. */
  readonly cursor: string;
  readonly at: Date;
  /** syslog: 0 emergency to 7 debug. */
  readonly priority: number;
  readonly message: string;
}

const NAME = "connector-unit"; // components/host/connector-unit.ts

/** Connectors on their hosts. `service` is the unit's name without `.service` (components/tenant/names.ts). */
export class ConnectorUnits {
  readonly #shell: HostShell;

  constructor(shell: HostShell) {
    this.#shell = shell;
  }

  async status(host: HostAddress, service: string, signal?: AbortSignal): Promise<UnitStatus> {
    const { code, stdout, stderr } = await this.#shell.run(
      host,
      { name: NAME, verb: "status", variables: { SERVICE: service } },
      15_000,
      signal,
    );
    if (code !== 0) throw failed(host, service, stderr);
    return parseStatus(stdout);
  }

  /** Returns once it is connected. Throws 502 when it does not connect within 60 s. */
  async restart(host: HostAddress, service: string, signal?: AbortSignal): Promise<UnitStatus> {
    const { code, stdout, stderr } = await this.#shell.run(
      host,
      { name: NAME, verb: "restart", variables: { SERVICE: service } },
      80_000,
      signal,
    );
    if (code !== 0) throw failed(host, service, stderr);
    return parseStatus(stdout);
  }

  async logs(host: HostAddress, service: string, lines: number, signal?: AbortSignal): Promise<LogEntry[]> {
    const { code, stdout, stderr } = await this.#shell.run(
      host,
      { name: NAME, verb: "logs", variables: { SERVICE: service, LOG_LINES: String(lines) } },
      15_000,
      signal,
    );
    if (code !== 0) throw failed(host, service, stderr);
    return stdout.split("\n").flatMap(parseEntry);
  }

  /** The last `lines`, or those after `cursor`, and then each new one. */
  async *follow(
    host: HostAddress,
    service: string,
    from: { lines: number; cursor?: string | undefined },
    signal: AbortSignal,
  ): AsyncIterable<LogEntry> {
    const variables = { SERVICE: service, LOG_LINES: String(from.lines), CURSOR: from.cursor ?? "" };
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.#shell.follow(host, { name: NAME, verb: "follow", variables }, signal)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield* parseEntry(line);
    }
  }
}

function failed(host: HostAddress, service: string, stderr: string): ApiError {
  const said = maskTokens(stderr.trim().split("\n").at(-1)?.slice(0, 300) ?? "");
  return new ApiError(
    502,
    "ConnectorFailed",
    "Connector failed",
    `${service} on host ${host.id}: ${said === "" ? "no reason given" : said}`,
    {
      remedy: "Read its logs (GET /api/tunnels/{id}/logs), or retry the tenant to set the service up again.",
    },
  );
}

const Ready = z.object({ readyConnections: z.int(), connectorId: z.string().optional() });

export function parseStatus(text: string): UnitStatus {
  const values = new Map(
    text.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const value = (name: string): string => values.get(name) ?? "";
  const ready = Ready.safeParse(parseJson(value("Ready")));
  const pid = Number(value("MainPID"));
  return {
    installed: value("LoadState") === "loaded",
    activeState: value("ActiveState") || "unknown",
    subState: value("SubState") || "unknown",
    enabled: value("UnitFileState") === "enabled",
    since: parseTimestamp(value("ActiveEnterTimestamp")),
    restarts: Number(value("NRestarts")) || 0,
    pid: pid > 0 ? pid : null,
    ready: ready.success
      ? { connections: ready.data.readyConnections, connectorId: ready.data.connectorId ?? null }
      : null,
  };
}

/** "Mon 2026-03-02 10:11:12 UTC", as systemd prints it with TZ=UTC; empty when it never was active. */
function parseTimestamp(text: string): Date | null {
  const parts = /^\w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? UTC$/.exec(text);
  return parts === null ? null : new Date(`${parts[1]}T${parts[2]}Z`);
}

const Entry = z.object({
  __CURSOR: z.string(),
  __REALTIME_TIMESTAMP: z.coerce.number(),
  PRIORITY: z.coerce.number().optional(),
  /** Bytes when it is not UTF-8, null when it is too long. */
  MESSAGE: z.union([z.string(), z.array(z.int()), z.null()]).optional(),
});

function parseEntry(line: string): LogEntry[] {
  const entry = Entry.safeParse(parseJson(line));
  if (!entry.success) return [];
  const { __CURSOR: cursor, __REALTIME_TIMESTAMP: microseconds, PRIORITY: priority = 6, MESSAGE: message } = entry.data;
  const text = Array.isArray(message) ? Buffer.from(message).toString("utf8") : (message ?? "");
  return [{ cursor, at: new Date(microseconds / 1_000), priority, message: maskTokens(text) }];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A tunnel's token is base64 of a JSON object that begins with {"a": somebody who started cloudflared by hand may have logged one. */
function maskTokens(text: string): string {
  return text.replaceAll(/eyJhIjoi[A-Za-z0-9+/=_-]{20,}/g, "[token]");
}
