import { ApiError } from "../problem.ts";
import type { HostShell } from "./host-shell.ts";
import type { HostAddress } from "./ssh-connection.ts";

/** The hosts' own roles in PostgreSQL (components/host/host-role.ts). */
export class HostRoles {
  readonly #shell: HostShell;

  constructor(shell: HostShell) {
    this.#shell = shell;
  }

  /** `restartOdoo`: exchanges what Odoo shows to PgBouncer as well. Throws 502 with what the host says. */
  async rotate(host: HostAddress, restartOdoo: boolean, signal?: AbortSignal): Promise<void> {
    const call = { name: "host-role", verb: "rotate", variables: { RESTART: restartOdoo ? "yes" : "" } };
    const { code, stderr } = await this.#shell.run(host, call, 120_000, signal);
    if (code === 0) return;
    throw new ApiError(502, "HostFailed", "Host failed", `Host ${host.id}: ${stderr.trim().slice(-500)}`, {
      remedy: "Run it again when the reason is gone: it goes on where it stopped.",
    });
  }
}
