/** Requests for the attributes of objects: getattr, setattr, readlink, statfs. There are no extended attributes. */
import type { BigIntStats } from "node:fs";
import { chmod, lutimes, readlink, statfs, utimes } from "node:fs/promises";
import path from "node:path";
import { FolderError } from "../errno.ts";
import type { Fid } from "../fids.ts";
import { inParent } from "../folder/folder.ts";
import { OPEN, OpenFile, placeIn } from "../folder/open-file.ts";
import { Answer, type Fields, T } from "../messages.ts";
import type { Session } from "../session.ts";
import type { Handlers } from "./handler.ts";

/** P9_GETATTR_BASIC: all that stat(2) tells. */
const BASIC = 0x7ffn;
const SET = { mode: 1, uid: 2, gid: 4, size: 8, atime: 16, mtime: 32, ctime: 64, atimeGiven: 128, mtimeGiven: 256 };
/** The permission bits, without those by which a program gets somebody's rights. */
export const PERMISSIONS = 0o777;
const V9FS_MAGIC = 0x01021997;
const MOST_NAME = 255;

export const ATTRIBUTES: Handlers = {
  [T.getattr]: getattr,
  [T.setattr]: setattr,
  [T.readlink]: readLink,
  [T.statfs]: statFs,
};

/** Returns the attributes of the object that the fid stands for, even if it has no name any more. */
async function status(session: Session, fid: Fid): Promise<BigIntStats> {
  return fid.file ? fid.file.status() : session.folder.status(fid.entry);
}

async function getattr(session: Session, fields: Fields): Promise<Answer> {
  const fid = session.fids.get(fields.u32());
  const entry = fid.entry.retain();
  try {
    const found = await status(session, fid);
    const seconds = (nanoseconds: bigint): [bigint, bigint] => {
      const part = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
      return [(nanoseconds - part) / 1_000_000_000n, part];
    };
    const answer = new Answer(160).u64(BASIC).qid(session.qid(entry, Number(BigInt.asUintN(32, found.mtimeNs))));
    answer.u32(Number(found.mode)).u32(Number(found.uid)).u32(Number(found.gid)).u64(found.nlink);
    // The guest would take the number of a device of the host's for one of its own devices, so 0 is given.
    answer.u64(0n).u64(found.size).u64(found.blksize).u64(found.blocks);
    for (const time of [found.atimeNs, found.mtimeNs, found.ctimeNs, 0n])
      for (const part of seconds(time)) answer.u64(part);
    return answer.u64(0n).u64(0n);
  } finally {
    entry.release();
  }
}

async function setattr(session: Session, fields: Fields): Promise<Answer> {
  const fid = session.fids.get(fields.u32());
  const [valid, mode, uid, gid] = [fields.u32(), fields.u32(), fields.u32(), fields.u32()];
  const size = fields.u64();
  const [atime, mtime] = [fields.u64() * 1_000_000_000n + fields.u64(), fields.u64() * 1_000_000_000n + fields.u64()];
  session.mustBeWritable();
  const entry = fid.entry.retain();
  try {
    if (valid & (SET.uid | SET.gid)) {
      const found = await status(session, fid);
      const isSame =
        (!(valid & SET.uid) || uid === Number(found.uid)) && (!(valid & SET.gid) || gid === Number(found.gid));
      if (!isSame) throw new FolderError("EPERM", "files belong to the user of the host");
    }
    if (valid & SET.mode) {
      if (entry.type === "link") throw new FolderError("EOPNOTSUPP");
      await session.folder.reach([entry], ([at]) => chmod(at!, mode & PERMISSIONS));
    }
    if (valid & SET.size) await resize(session, fid, placeIn(size));
    if (valid & (SET.atime | SET.mtime)) {
      const found = await status(session, fid);
      const now = BigInt(Date.now()) * 1_000_000n;
      const time = (set: number, given: number, value: bigint, before: bigint): number =>
        Number(valid & set ? (valid & given ? value : now) : before) / 1e9;
      const access = time(SET.atime, SET.atimeGiven, atime, found.atimeNs);
      const change = time(SET.mtime, SET.mtimeGiven, mtime, found.mtimeNs);
      if (entry.type === "link")
        await inParent(session.folder, entry, (parent, name) =>
          session.folder.reach([parent], ([at]) => lutimes(path.join(at!, name), access, change)),
        );
      else await session.folder.reach([entry], ([at]) => utimes(at!, access, change));
    }
    return new Answer(0);
  } finally {
    entry.release();
  }
}

async function resize(session: Session, fid: Fid, size: number): Promise<void> {
  if (fid.file) {
    try {
      return await fid.file.truncate(size);
    } catch (error) {
      // The file is open for reading only; the guest has decided that it may be synced.
      if ((error as NodeJS.ErrnoException).code !== "EINVAL" && (error as NodeJS.ErrnoException).code !== "EPERM")
        throw error;
    }
  }
  const file = await OpenFile.open(session.folder, fid.entry, OPEN.writeOnly);
  try {
    await file.truncate(size);
  } finally {
    file.close();
  }
}

async function readLink(session: Session, fields: Fields): Promise<Answer> {
  const { folder, fids } = session;
  const entry = fids.get(fields.u32()).entry.retain();
  try {
    if (entry.type !== "link") throw new FolderError("EINVAL");
    const target = await inParent(folder, entry, (parent, name) =>
      folder.reach([parent], ([at]) => readlink(path.join(at!, name))),
    );
    return new Answer().text(target);
  } finally {
    entry.release();
  }
}

async function statFs(session: Session, fields: Fields): Promise<Answer> {
  session.fids.get(fields.u32());
  const { folder } = session;
  const found = await folder.reach([folder.root], ([at]) => statfs(at!, { bigint: true }));
  const answer = new Answer(64).u32(V9FS_MAGIC).u32(Number(found.bsize));
  for (const value of [found.blocks, found.bfree, found.bavail, found.files, found.ffree]) answer.u64(value);
  return answer.u64(0n).u32(MOST_NAME);
}
