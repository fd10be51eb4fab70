import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../run.ts";
import type { HostFile } from "./host-files.ts";
import { CLIENT_PREFIX } from "./postgresql-client.ts";

/** Files that every host has alike. */
const ROOTFS = new URL("./rootfs/", import.meta.url).pathname;

const ENABLED = ["systemd-networkd.service", "ssh.service", "pgbouncer.service", "odoo.service"];

/** What a machine of its own would want and a host of the sandbox does not; some would only slow its start. */
const MASKED = [
  "apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer",
  "console-getty.service getty@tty1.service getty-static.service systemd-logind.service",
  "postgresql.service systemd-pstore.service",
].flatMap((line) => line.split(" "));

/** Writes the host's configuration into its mounted root; at every start, so that changed options take effect. */
export async function configureHost(
  root: string,
  files: readonly HostFile[],
  connectorBinary: string | undefined,
): Promise<void> {
  cpSync(ROOTFS, root, { recursive: true });
  const ids: Ids = { user: readIds(join(root, "etc/passwd")), group: readIds(join(root, "etc/group")) };
  makeDirectory(join(root, "etc/pgbouncer/tenants.d"), 0o750, 0, idOf(ids.group, "postgres"));
  for (const file of files) writeHostFile(root, file, ids);
  // PostgreSQL has the first password again at every start: one that was rotated is of no use any more.
  rmSync(join(root, "etc/odoosaas/owner-password"), { force: true });
  for (const program of ["pg_dump", "pg_restore", "psql"]) {
    // In front of Debian's own, which are too old for the server.
    const link = join(root, "usr/local/bin", program);
    rmSync(link, { force: true });
    symlinkSync(`${CLIENT_PREFIX}/bin/${program}`, link);
  }
  if (connectorBinary !== undefined) installProgram(connectorBinary, join(root, "usr/local/bin/cloudflared"));
  await run("systemctl", [`--root=${root}`, "--quiet", "enable", ...ENABLED]);
  await run("systemctl", [`--root=${root}`, "--quiet", "mask", ...MASKED]);
}

/** The host's own SSH key, made at its first start; the public key's line. */
export async function provideHostKey(root: string): Promise<string> {
  const key = "/etc/ssh/ssh_host_ed25519_key";
  if (!existsSync(join(root, `${key}.pub`))) {
    rmSync(join(root, key), { force: true });
    await run("chroot", [root, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tenant-host", "-f", key]);
  }
  const [type, data] = readFileSync(join(root, `${key}.pub`), "utf8").split(" ");
  return `${type} ${data}`;
}

interface Ids {
  user: Map<string, number>;
  group: Map<string, number>;
}

/** Numbers of the names in a passwd(5) or group(5) file. */
function readIds(file: string): Map<string, number> {
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  return new Map(lines.filter(([name]) => name).map(([name, , id]) => [String(name), Number(id)]));
}

function idOf(ids: Map<string, number>, name: string): number {
  const id = ids.get(name);
  if (id === undefined) throw new Error(`the tenant host's tree has no user or group "${name}"`);
  return id;
}

function writeHostFile(root: string, file: HostFile, ids: Ids): void {
  const path = join(root, file.path);
  if (file.once && existsSync(path)) return;
  const owner = idOf(ids.user, file.owner ?? "root");
  const group = idOf(ids.group, file.group ?? "root");
  if (!existsSync(dirname(path)))
    makeDirectory(dirname(path), file.path.includes("/.ssh/") ? 0o700 : 0o755, owner, group);
  // Beside and renamed: never readable by others for a moment, and never half written.
  const unfinished = `${path}.new`;
  writeFileSync(unfinished, file.content, { mode: 0o600 });
  chownSync(unfinished, owner, group);
  chmodSync(unfinished, file.mode ?? 0o644);
  renameSync(unfinished, path);
}

function makeDirectory(path: string, mode: number, owner: number, group: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  chownSync(path, owner, group);
}

function installProgram(from: string, to: string): void {
  copyFileSync(from, `${to}.new`);
  chmodSync(`${to}.new`, 0o755);
  renameSync(`${to}.new`, to);
}
