import { readdir, stat } from "node:fs/promises";
import { basename, posix } from "node:path";
import type { Client, SFTPWrapper } from "ssh2";

/** Writes a text to a file; its folders are made. The path has to be a file's. */
export async function copyText(client: Client, text: string, remotePath: string): Promise<void> {
  const sftp = await open(client);
  if ((await kindOf(sftp, remotePath)) === "directory")
    throw new Error(
      `remote path ${remotePath} is a directory; when using a text asset, remotePath must be a file path`,
    );
  await makeDirectories(sftp, posix.dirname(remotePath));
  await settle(
    (done) => sftp.writeFile(remotePath, text, done),
    `failed to write text content to remote path ${remotePath}`,
  );
}

/**
 * Copies a file or a folder, as `command:remote:CopyToRemote` documents it: into an existing folder under its own
 * name, except that of `folder/` only the contents go; otherwise to the path itself.
 */
export async function copyPath(client: Client, localPath: string, remotePath: string): Promise<void> {
  const sftp = await open(client);
  const target = await kindOf(sftp, remotePath);
  if (!(await stat(localPath)).isDirectory()) {
    if (target === "absent") await makeDirectories(sftp, posix.dirname(remotePath));
    const to = target === "directory" ? posix.join(remotePath, basename(localPath)) : remotePath;
    return await copyFile(sftp, localPath, to);
  }
  if (target === "absent") await makeDirectories(sftp, remotePath);
  const to = localPath.endsWith("/") ? remotePath : posix.join(remotePath, basename(localPath));
  await copyDirectory(sftp, localPath, to);
}

async function copyDirectory(sftp: SFTPWrapper, from: string, to: string): Promise<void> {
  const kind = await kindOf(sftp, to);
  if (kind === "file") throw new Error(`remote path ${to} exists but is not a directory`);
  if (kind === "absent") await settle((done) => sftp.mkdir(to, done), `failed to create remote directory ${to}`);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [posix.join(from, entry.name), posix.join(to, entry.name)];
    await (entry.isDirectory() ? copyDirectory(sftp, source, target) : copyFile(sftp, source, target));
  }
}

async function copyFile(sftp: SFTPWrapper, from: string, to: string): Promise<void> {
  await settle((done) => sftp.fastPut(from, to, done), `failed to copy file ${from} to remote path ${to}`);
}

async function makeDirectories(sftp: SFTPWrapper, path: string): Promise<void> {
  const kind = await kindOf(sftp, path);
  if (kind === "directory") return;
  if (kind === "file") throw new Error(`remote path ${path} exists but is not a directory`);
  await makeDirectories(sftp, posix.dirname(path));
  await settle((done) => sftp.mkdir(path, done), `failed to create remote directory ${path}`);
}

const NO_SUCH_FILE = 2;

async function kindOf(sftp: SFTPWrapper, path: string): Promise<"absent" | "directory" | "file"> {
  return await new Promise((resolve, reject) =>
    sftp.stat(path, (error, stats) => {
      if (error === undefined || error === null) resolve(stats.isDirectory() ? "directory" : "file");
      else if ((error as Error & { code?: number }).code === NO_SUCH_FILE) resolve("absent");
      else reject(new Error(`failed to stat remote path ${path}: ${error.message}`, { cause: error }));
    }),
  );
}

async function open(client: Client): Promise<SFTPWrapper> {
  return await new Promise((resolve, reject) =>
    client.sftp((error, sftp) => (error === undefined ? resolve(sftp) : reject(error))),
  );
}

async function settle(work: (done: (error?: Error | null) => void) => void, failed: string): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    work((error) => (error ? reject(new Error(`${failed}: ${error.message}`, { cause: error })) : resolve())),
  );
}
