import ssh2 from "ssh2";

export interface SshKeyPair {
  /** In OpenSSH's format, without a passphrase. Secret. */
  readonly privateKey: string;
  /** Line of an authorized_keys file. */
  readonly publicKey: string;
}

/**
 * Draws an Ed25519 key pair. Drawn again until it can be read: ssh2 1.17 takes zeros at a key's beginning for padding, so
 * that one of 256 is one byte short and good for nothing (https://github.com/mscdex/ssh2/issues/1513).
 */
export function newSshKeyPair(
  comment: string,
  draw: typeof ssh2.utils.generateKeyPairSync = ssh2.utils.generateKeyPairSync,
): SshKeyPair {
  for (;;) {
    const drawn = draw("ed25519", { comment });
    const { private: privateKey, public: publicKey } = drawn;
    if (![privateKey, publicKey].some((key) => ssh2.utils.parseKey(key) instanceof Error))
      return { privateKey, publicKey };
  }
}
