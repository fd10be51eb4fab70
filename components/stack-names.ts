import { PROJECT } from "./settings/stack-config.ts";

/** Full name of a tenant's stack in a self-managed backend. */
export function tenantStackName(subdomain: string): string {
  return `organization/${PROJECT}/${subdomain}`;
}

/** Full name of the stack of a container's own tunnel. No tenant's has it: subdomains have no dots. */
export function tunnelStackName(label: string): string {
  return `organization/${PROJECT}/tunnel.${label}`;
}
