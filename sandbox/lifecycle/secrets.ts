import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ssh2 from "ssh2";
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
  /** The key that the tenant host accepts. */
  ssh: { privateKey: string; publicKey: string };
}

/** The instance's secrets, in a file that only its owner can read; made by the first start. */
export function instanceSecrets(instance: Instance): InstanceSecrets {
  const file = join(instance.directory, "secrets.json");
  if (!existsSync(file)) writePrivately(file, `${JSON.stringify(drawSecrets(), undefined, 2)}\n`);
  const secrets = JSON.parse(readFileSync(file, "utf8")) as InstanceSecrets;
  // The engine reads these two from files of their own.
  writePrivately(passphraseFile(instance), secrets.passphrase);
  writePrivately(backendPasswordFile(instance), `*:*:pulumi:pulumi:${secrets.postgresRoles.pulumi}\n`);
  return secrets;
}

function drawSecrets(): InstanceSecrets {
  const password = () => randomBytes(24).toString("base64url");
  const hex = () => randomBytes(16).toString("hex");
  const { private: privateKey, public: publicKey } = ssh2.utils.generateKeyPairSync("ed25519", {
    comment: "odoo-tenants",
  });
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
    ssh: { privateKey, publicKey },
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
