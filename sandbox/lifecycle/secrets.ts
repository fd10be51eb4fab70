import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { newSshKeyPair, type SshKeyPair } from "../../components/host/ssh-key-pair.ts";
import { backendPasswordFile, passphraseFile } from "../engine/environment.ts";
import type { Instance } from "../instance.ts";
import type { Role } from "../postgres/databases.ts";

/** What only this instance knows; drawn at random when it is made. */
export interface InstanceSecrets {
  /** From which the tenants' passwords are derived: components/tenant/secrets.ts. */
  masterKey: string;
  /** Encrypts the stacks' secrets. */
  passphrase: string;
  /** Signs the tokens of the API. */
  jwtSecret: string;
  postgresSuperuser: string;
  postgresRoles: Record<Role, string>;
  cloudflare: { accountId: string; zoneId: string; apiToken: string };
  stripe: { apiKey: string; webhookSecret: string };
  /** The key that the platform's account on the tenant host has. */
  ssh: SshKeyPair;
  /** The key of the operator, who installs that account. Neither the server nor any stack has it. */
  sshAdministrator: SshKeyPair;
}

/** The instance's secrets, in a file that only its owner can read; made by the first start. */
export function instanceSecrets(instance: Instance): InstanceSecrets {
  const file = join(instance.directory, "secrets.json");
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<InstanceSecrets>) : {};
  // An instance of an earlier release lacks what has been added since.
  const secrets: InstanceSecrets = { ...drawSecrets(), ...kept };
  if (Object.keys(secrets).some((key) => !(key in kept)))
    writePrivately(file, `${JSON.stringify(secrets, undefined, 2)}\n`);
  // Server and engine read these from files, where they may have been exchanged since (npm run cli -- rotate).
  secrets.jwtSecret = newest(jwtSecretFile(instance), secrets.jwtSecret);
  secrets.stripe.webhookSecret = newest(webhookSecretFile(instance), secrets.stripe.webhookSecret);
  secrets.passphrase = newest(passphraseFile(instance), secrets.passphrase);
  // The engine reads the password from a file of its own.
  writePrivately(backendPasswordFile(instance), `*:*:pulumi:pulumi:${secrets.postgresRoles.pulumi}\n`);
  return secrets;
}

export function jwtSecretFile(instance: Instance): string {
  return join(instance.directory, "jwt-secret");
}

export function webhookSecretFile(instance: Instance): string {
  return join(instance.directory, "stripe-webhook-secret");
}

/** The first of a list's file, which is made when it is missing. */
function newest(file: string, drawn: string): string {
  if (!existsSync(file)) writePrivately(file, `${drawn}\n`);
  return readFileSync(file, "utf8").split(",")[0]?.trim() ?? drawn;
}

function drawSecrets(): InstanceSecrets {
  const password = () => randomBytes(24).toString("base64url");
  const hex = () => randomBytes(16).toString("hex");
  return {
    masterKey: randomBytes(32).toString("base64url"),
    passphrase: password(),
    jwtSecret: randomBytes(32).toString("hex"),
    postgresSuperuser: password(),
    postgresRoles: { odoosaas: password(), pulumi: password(), platform_admin: password(), odoo_h105: password() },
    cloudflare: { accountId: hex(), zoneId: hex(), apiToken: randomBytes(30).toString("base64url") },
    stripe: {
      apiKey: `sk_test_${randomBytes(18).toString("hex")}`,
      webhookSecret: `whsec_${randomBytes(24).toString("hex")}`,
    },
    ssh: newSshKeyPair("odoo-tenants"),
    sshAdministrator: newSshKeyPair("odoo-tenants-administrator"),
  };
}

/** Never half-written, never readable by others. */
export function writePrivately(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const unfinished = `${file}.unfinished`;
  writeFileSync(unfinished, text, { mode: 0o600 });
  chmodSync(unfinished, 0o600);
  renameSync(unfinished, file);
}
