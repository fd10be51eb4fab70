import { setTimeout } from "node:timers/promises";
import { openHostSession } from "../ways/host-session.ts";
import type { Ground } from "./ground.ts";

/**
 * Tells when a tenant's database has been prepared, whoever did it: odoo-database.sh holds a lock while it runs, and
 * its last step is Odoo's first page. Asking for the page again and again until it comes would keep Odoo busy with what
 * it cannot serve yet: at ten looks a second, 0.1 to 0.2 s of the time measured are lost to that.
 */
export interface HostWatch {
  /** Resolves when the script has ended; after `withinMs` at the latest. */
  prepared(subdomain: string, withinMs: number): Promise<void>;
}

export async function watchHost({ platform, sandbox, undo }: Ground): Promise<HostWatch> {
  const [host] = platform.hosts;
  if (!host) throw new Error("the platform has no host");
  const session = await openHostSession(host, "root", sandbox.secrets.sshAdministrator.privateKey);
  undo(async () => session.end());
  return {
    prepared: async (subdomain, withinMs) => {
      const waiting = session.run("bash -s", untilPrepared(subdomain)).catch(() => {}); // looked at whatever happens
      await Promise.race([waiting, setTimeout(withinMs, undefined, { ref: false })]);
    },
  };
}

/** Waits without starting a process at every look, and then in the kernel. */
function untilPrepared(subdomain: string): string {
  return `
    lock=/run/odoosaas-locks/tenant-${subdomain}
    exec 3<> <(:)
    until [ -e "$lock" ]; do read -r -t 0.02 -u 3 || true; done
    flock --shared "$lock" true
  `;
}
