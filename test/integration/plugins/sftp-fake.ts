import { closeSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import ssh2, { type SFTPWrapper } from "ssh2";

const { STATUS_CODE, flagsToString } = ssh2.utils.sftp;

/** As much of SFTP as copying needs, on the machine's own files. */
export function serveFiles(sftp: SFTPWrapper): void {
  const handles = new Map<number, number>();
  const open = (path: string, flags: string): Buffer => {
    const file = openSync(path, flags);
    handles.set(file, file);
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(file);
    return handle;
  };
  const attempt = (id: number, work: () => void): void => {
    try {
      work();
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      sftp.status(id, missing ? STATUS_CODE.NO_SUCH_FILE : STATUS_CODE.FAILURE, (error as Error).message);
    }
  };
  const stat = (id: number, path: string): void =>
    attempt(id, () => {
      const { mode, uid, gid, size, atimeMs, mtimeMs } = statSync(path);
      sftp.attrs(id, { mode, uid, gid, size, atime: atimeMs / 1_000, mtime: mtimeMs / 1_000 });
    });
  sftp.on("STAT", stat).on("LSTAT", stat);
  sftp.on("MKDIR", (id, path) =>
    attempt(id, () => {
      mkdirSync(path);
      sftp.status(id, STATUS_CODE.OK);
    }),
  );
  sftp.on("OPEN", (id, path, flags) => attempt(id, () => sftp.handle(id, open(path, flagsToString(flags) ?? "r"))));
  sftp.on("WRITE", (id, handle, offset, data) =>
    attempt(id, () => {
      writeSync(handle.readUInt32BE(), data, 0, data.length, offset);
      sftp.status(id, STATUS_CODE.OK);
    }),
  );
  sftp.on("FSETSTAT", (id) => sftp.status(id, STATUS_CODE.OK));
  sftp.on("CLOSE", (id, handle) =>
    attempt(id, () => {
      closeSync(handle.readUInt32BE());
      handles.delete(handle.readUInt32BE());
      sftp.status(id, STATUS_CODE.OK);
    }),
  );
  sftp.on("end", () => {
    for (const file of handles.values()) closeSync(file);
  });
}
