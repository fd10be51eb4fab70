import type { LogEntry, UnitStatus } from "../../../automation/api/host/connector-units.ts";
import type { HostAddress } from "../../../automation/api/host/ssh-connection.ts";

export const RUNNING: UnitStatus = {
  installed: true,
  activeState: "active",
  subState: "running",
  enabled: true,
  since: new Date("2026-03-02T10:11:12Z"),
  restarts: 0,
  pid: 4711,
  ready: { connections: 4, connectorId: "c0ffee00-0000-4000-8000-000000000001" },
};

/** Connectors on a host that is not there. */
export class FakeConnectors {
  unit: UnitStatus | Error = RUNNING;
  entries: LogEntry[] = [];
  readonly restarted: string[] = [];
  /** Hosts whose own role was given a new password, and whether Odoo was restarted for it. */
  readonly rotated: [number, boolean][] = [];
  readonly asked: { lines: number; cursor?: string | undefined }[] = [];
  following = 0;

  async status(): Promise<UnitStatus> {
    return this.#answer();
  }

  async restart(_host: HostAddress, service: string): Promise<UnitStatus> {
    this.restarted.push(service);
    return this.#answer();
  }

  async logs(_host: HostAddress, _service: string, lines: number): Promise<LogEntry[]> {
    this.asked.push({ lines });
    return this.entries.slice(-lines);
  }

  async *follow(
    _host: HostAddress,
    _service: string,
    from: { lines: number; cursor?: string | undefined },
    signal: AbortSignal,
  ): AsyncIterable<LogEntry> {
    this.asked.push(from);
    this.following++;
    try {
      yield* this.entries.slice(-from.lines);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    } finally {
      this.following--;
    }
  }

  #answer(): UnitStatus {
    if (this.unit instanceof Error) throw this.unit;
    return this.unit;
  }
}
