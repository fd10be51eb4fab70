import type { Command } from "commander";
import { cloudflareRotation } from "./rotate-cloudflare.ts";
import { hostRotation } from "./rotate-host.ts";
import { listRotations } from "./rotate-lists.ts";
import { masterKeyRotation } from "./rotate-master-key.ts";
import { passphraseRotation } from "./rotate-passphrase.ts";
import { postgresRotation } from "./rotate-postgres.ts";
import { sshRotation } from "./rotate-ssh.ts";
import { tenantRotations } from "./rotate-tenants.ts";
import type { Session } from "./session.ts";

export function rotateCommands(program: Command, session: Session): void {
  const rotate = program
    .command("rotate")
    .description("exchange a secret while everything runs (docs/security.md tells what each is)");
  tenantRotations(rotate, session);
  listRotations(rotate, session);
  cloudflareRotation(rotate, session);
  hostRotation(rotate, session);
  postgresRotation(rotate, session);
  sshRotation(rotate, session);
  passphraseRotation(rotate, session);
  masterKeyRotation(rotate, session);
}
