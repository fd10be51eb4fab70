import { userInfo } from "node:os";

/** Containers, mounts and network links need root. */
export class RootNeeded extends Error {
  constructor(what: string) {
    super(
      `only root can ${what}: run this with sudo. Without root, the unit and component tests, previews and the API work, ` +
        `and tenants can live on a host of your own (hosts in the platform's settings).`,
    );
    this.name = "RootNeeded";
  }
}

/** Throws RootNeeded unless this process runs as root on Linux. */
export function requireRoot(what: string): void {
  if (process.platform !== "linux") throw new Error(`only Linux can ${what}: this system is ${process.platform}`);
  if (userInfo().uid !== 0) throw new RootNeeded(what);
}
