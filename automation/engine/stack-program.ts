import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { tenantProgram, tunnelProgram } from "../../components/program.ts";

type OfTenant = Parameters<typeof tenantProgram>;
type OfTunnel = Parameters<typeof tunnelProgram>;

/** The inline program of the server's engine: that of a tenant or of a container's own tunnel, as index.ts runs it. */
export default function stackProgram(...args: OfTenant | OfTunnel): PulumiFn {
  return isOfTunnel(args) ? tunnelProgram(...args) : tenantProgram(...args);
}

function isOfTunnel(args: OfTenant | OfTunnel): args is OfTunnel {
  return "label" in args[1];
}
