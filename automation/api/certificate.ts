import { X509Certificate, createPrivateKey } from "node:crypto";
import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import type { SecureContextOptions } from "node:tls";
import { SettingsError } from "../../components/field-error.ts";

export interface CertificateFiles {
  /** PEM: the certificate, then its chain. */
  readonly certFile: string;
  /** PEM. */
  readonly keyFile: string;
  /** Milliseconds between looks at the files. Default 5 s. */
  readonly lookEvery?: number;
}

export interface WatchedCertificate {
  readonly options: SecureContextOptions;
  /** Called with each renewed pair that fits together. */
  onChange(use: (options: SecureContextOptions) => void): void;
  stop(): void;
}

/**
 * Reads the pair, and again whenever one of the files changes. A renewal writes two files one after the other, so a
 * pair that does not fit is left out until it does. Looks at the files themselves: renewers swap links, which a watch
 * on the file would miss. Throws SettingsError when the pair cannot be used at the start.
 */
export async function watchCertificate(
  files: CertificateFiles,
  log: (line: string) => void,
): Promise<WatchedCertificate> {
  const options = await readPair(files);
  let use: (options: SecureContextOptions) => void = () => {};
  const changed = (): void => {
    readPair(files).then(
      (renewed) => {
        use(renewed);
        log(`certificate of ${files.certFile} renewed`);
      },
      (error: unknown) => log(`certificate kept: ${(error as Error).message}`),
    );
  };
  const watched = [files.certFile, files.keyFile];
  for (const file of watched) watchFile(file, { interval: files.lookEvery ?? 5_000, persistent: false }, changed);
  return {
    options,
    onChange: (next) => (use = next),
    stop: () => watched.forEach((file) => unwatchFile(file, changed)),
  };
}

async function readPair({ certFile, keyFile }: CertificateFiles): Promise<SecureContextOptions> {
  const cert = await read("TLS_CERT_FILE", certFile);
  const key = await read("TLS_KEY_FILE", keyFile);
  const fits = check("TLS_CERT_FILE", certFile, () => new X509Certificate(cert)).checkPrivateKey(
    check("TLS_KEY_FILE", keyFile, () => createPrivateKey(key)),
  );
  if (!fits)
    throw new SettingsError("The API's certificate", [`TLS_KEY_FILE: ${keyFile} is not the key of ${certFile}`]);
  return { cert, key, minVersion: "TLSv1.2" };
}

async function read(name: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new SettingsError("The API's certificate", [
      `${name}: ${file} cannot be read (${(error as { code?: string }).code ?? "unknown reason"})`,
    ]);
  }
}

function check<T>(name: string, file: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new SettingsError("The API's certificate", [`${name}: ${file} holds no PEM that can be used`]);
  }
}
