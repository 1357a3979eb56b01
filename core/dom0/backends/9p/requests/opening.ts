/** Requests that open objects and use them: lopen, lcreate, readdir, fsync. Reads and writes of files are handled by the rings (lane.ts). */
import { FolderError } from "../errno.ts";
import { ENTRY_BYTES } from "../folder/free-space.ts";
import { checkName } from "../folder/names.ts";
import { Listing } from "../folder/listing.ts";
import { OpenFile, placeIn, writes } from "../folder/open-file.ts";
import { Answer, type Fields, T } from "../messages.ts";
import type { Session } from "../session.ts";
import type { Handlers } from "./handler.ts";
import { PERMISSIONS } from "./attributes.ts";

/** DT_* of readdir(3). */
const ENTRY_TYPES = { directory: 4, file: 8, link: 10, special: 0 };
/** Bytes of an entry without its name: qid, place, type, length of the name. */
const ENTRY_HEAD_BYTES = 24;
/** The most bytes of directory entries in one answer. */
const MOST_LISTED_BYTES = 64 << 10;

export const OPENING: Handlers = {
  [T.lopen]: lopen,
  [T.lcreate]: lcreate,
  [T.readdir]: readdir,
  [T.fsync]: fsync,
};

async function lopen(session: Session, fields: Fields): Promise<Answer> {
  const fid = session.fids.get(fields.u32());
  const flags = fields.u32();
  if (fid.isOpen) throw new FolderError("EBADF", "it is open");
  if (writes(flags)) session.mustBeWritable();
  const { folder } = session;
  const entry = fid.entry.retain();
  try {
    if (entry.type === "directory") {
      if (writes(flags)) throw new FolderError("EISDIR");
      fid.open({ listing: new Listing(folder, entry) });
    } else fid.open({ file: await OpenFile.open(folder, entry, flags) });
    return new Answer().qid(session.qid(entry)).u32(0);
  } finally {
    entry.release();
  }
}

/** The fid then stands for the new file. */
async function lcreate(session: Session, fields: Fields): Promise<Answer> {
  const fid = session.fids.get(fields.u32());
  const name = fields.text();
  const [flags, mode] = [fields.u32(), fields.u32()];
  session.mustBeWritable();
  checkName(name);
  if (fid.isOpen) throw new FolderError("EBADF", "it is open");
  if (fid.entry.type !== "directory") throw new FolderError("ENOTDIR");
  const directory = fid.entry.retain();
  try {
    await session.space.take(ENTRY_BYTES);
    const made = await OpenFile.create(session.folder, directory, name, flags, mode & PERMISSIONS);
    try {
      fid.open({ file: made.file });
    } catch (error) {
      made.entry.release();
      throw error;
    }
    fid.entry.release();
    fid.entry = made.entry;
    return new Answer().qid(session.qid(made.entry)).u32(0);
  } finally {
    directory.release();
  }
}

async function readdir(session: Session, fields: Fields): Promise<Answer> {
  const { listing } = session.fids.get(fields.u32());
  const place = placeIn(fields.u64());
  const most = Math.min(session.fits(fields.u32()), MOST_LISTED_BYTES);
  if (!listing) throw new FolderError("EBADF", "it is no open directory");
  const answer = new Answer(most).u32(0);
  const begin = answer.length;
  await listing.read(place, ({ name, entry, next }) => {
    if (answer.length - begin + ENTRY_HEAD_BYTES + Buffer.byteLength(name) > most) return false;
    answer.qid(session.qid(entry)).u64(BigInt(next)).u8(ENTRY_TYPES[entry.type]).text(name);
    return true;
  });
  answer.patch(begin - 4, answer.length - begin);
  return answer;
}

/** A directory has nothing to sync: its entries are made by separate calls, and the host's file system keeps them. */
async function fsync(session: Session, fields: Fields): Promise<Answer> {
  const { file, listing } = session.fids.get(fields.u32());
  const onlyData = fields.u32() !== 0;
  if (!file && !listing) throw new FolderError("EBADF");
  await file?.sync(onlyData);
  return new Answer(0);
}
