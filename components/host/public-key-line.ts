import ssh2 from "ssh2";
import { FieldError } from "../field-error.ts";

/** Throws FieldError for what is no private key. */
export function publicKeyLine(privateKey: string): string {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error || !key.isPrivateKey()) {
    throw new FieldError("sshPrivateKey is no SSH private key that can be read", {
      field: "sshPrivateKey",
      value: "(secret)",
      remedy:
        "Make one without a passphrase (ssh-keygen -t ed25519 -N '') and set it with: pulumi config set --secret.",
    });
  }
  return `${key.type} ${key.getPublicSSH().toString("base64")} odoosaas`;
}
