import { hostCommand, type HostCommand } from "./host-command.ts";

/** Looks at one tenant's connector, or restarts it. Reads SERVICE; for logs LOG_LINES too; to follow them CURSOR too. */
export function connectorUnitCommand(): HostCommand {
  const script = new URL("./connector-unit.sh", import.meta.url);
  return hostCommand("connector-unit", ["status", "restart", "logs", "follow"], script, {});
}
