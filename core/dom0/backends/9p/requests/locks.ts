/** Requests about locks on ranges of files: lock, getlock. */
import { FolderError } from "../errno.ts";
import type { Fid } from "../fids.ts";
import { lastByte, lengthOf, type LockRange, type LockType } from "../locks.ts";
import { Answer, type Fields, T } from "../messages.ts";
import type { Session } from "../session.ts";
import type { Handlers } from "./handler.ts";

const READ = 0;
const WRITE = 1;
const UNLOCK = 2;
const STATUS = { success: 0, blocked: 1, error: 2 };
/** The most locks of one device; Linux asks for as many as its programs do. */
const MOST_LOCKS = 1024;
const MOST_CLIENT_BYTES = 256;

export const LOCKS: Handlers = { [T.lock]: lock, [T.getlock]: getlock };

function typeOf(number: number): LockType {
  if (number === READ) return "read";
  if (number === WRITE) return "write";
  throw new FolderError("EINVAL", "there is no such lock");
}

interface Asked {
  fid: Fid;
  file: string;
  type: number;
  range: Omit<LockRange, "type">;
}

/** `withFlags`: the request has flags, which say whether the guest would wait. They are ignored, since the guest asks again by itself. */
function read(session: Session, fields: Fields, withFlags: boolean): Asked {
  const fid = session.fids.get(fields.u32());
  const type = fields.u8();
  if (withFlags) fields.u32();
  const [start, length, process, client] = [fields.u64(), fields.u64(), fields.u32(), fields.text()];
  if (fid.entry.type !== "file") throw new FolderError("EBADF");
  if (Buffer.byteLength(client) > MOST_CLIENT_BYTES) throw new FolderError("ENAMETOOLONG");
  const { device, inode } = fid.entry;
  const range = {
    owner: `${session.id}/${process}/${client}`,
    start,
    last: lastByte(start, length),
    holder: fid,
    device: session,
    process,
    client,
  };
  return { fid, file: `${device}/${inode}`, type, range };
}

function lock(session: Session, fields: Fields): Answer {
  const { locks } = session.folders;
  const { fid, file, type, range } = read(session, fields, true);
  const isFull = locks.count(session) >= MOST_LOCKS;
  if (type === UNLOCK) {
    if (isFull && locks.splits(file, range)) return new Answer().u8(STATUS.error);
    locks.unlock(file, range);
    return new Answer().u8(STATUS.success);
  }
  if (isFull) return new Answer().u8(STATUS.error);
  const inTheWay = locks.lock(file, { ...range, type: typeOf(type) });
  if (!inTheWay) fid.locked.add(file);
  return new Answer().u8(inTheWay ? STATUS.blocked : STATUS.success);
}

function getlock(session: Session, fields: Fields): Answer {
  const { file, type, range } = read(session, fields, false);
  const found = session.folders.locks.conflict(file, { ...range, type: typeOf(type) });
  if (!found)
    return new Answer()
      .u8(UNLOCK)
      .u64(range.start)
      .u64(lengthOf({ ...range, type: "read" }))
      .u32(range.process)
      .text(range.client);
  return new Answer()
    .u8(found.type === "read" ? READ : WRITE)
    .u64(found.start)
    .u64(lengthOf(found))
    .u32(found.process)
    .text(found.client);
}
