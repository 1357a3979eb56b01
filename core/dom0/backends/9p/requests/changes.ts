/** Requests that change what is in directories: mkdir, symlink, link, rename, unlink. Devices and pipes are not made. */
import { link, mkdir, readlink, rename, rmdir, symlink, unlink } from "node:fs/promises";
import path from "node:path";
import { FolderError } from "../errno.ts";
import { checkPath, inParent, namesBelow, pathBytes, step, type Entry } from "../folder/folder.ts";
import { ENTRY_BYTES } from "../folder/free-space.ts";
import { mustLeadDown } from "../folder/links.ts";
import { checkName, leadsDown } from "../folder/names.ts";
import { Answer, type Fields, T } from "../messages.ts";
import type { Session } from "../session.ts";
import type { Handlers } from "./handler.ts";
import { PERMISSIONS } from "./attributes.ts";

/** PATH_MAX of Linux, without its zero. */
const MOST_TARGET_BYTES = 4095;
const AT_REMOVEDIR = 0x200;

export const CHANGES: Handlers = {
  [T.mkdir]: makeDirectory,
  [T.symlink]: makeLink,
  [T.link]: linkAgain,
  [T.mknod]: (session) => {
    session.mustBeWritable();
    throw new FolderError("EPERM", "devices and pipes are the guest's own matter");
  },
  [T.rename]: renameFid,
  [T.renameat]: renameAt,
  [T.unlinkat]: unlinkAt,
  [T.remove]: remove,
};

/** Runs `action` with the objects that fids stand for, which are kept meanwhile. */
async function keeping<R>(
  session: Session,
  numbers: readonly number[],
  action: (entries: Entry[]) => Promise<R>,
): Promise<R> {
  const entries = numbers.map((number) => session.fids.get(number).entry).map((entry) => entry.retain());
  try {
    return await action(entries);
  } finally {
    for (const entry of entries) entry.release();
  }
}

async function made(session: Session, directory: Entry, name: string): Promise<Answer> {
  const entry = await session.folder.walk(directory, name);
  try {
    return new Answer().qid(session.qid(entry));
  } finally {
    entry.release();
  }
}

function mustBeDirectory(...entries: readonly Entry[]): void {
  if (entries.some(({ type }) => type !== "directory")) throw new FolderError("ENOTDIR");
}

function makeDirectory(session: Session, fields: Fields): Promise<Answer> {
  const [number, name, mode] = [fields.u32(), fields.text(), fields.u32()];
  session.mustBeWritable();
  checkName(name);
  return keeping(session, [number], async ([directory]) => {
    mustBeDirectory(directory!);
    namesBelow(directory!, name);
    await session.space.take(ENTRY_BYTES);
    await session.folder.reach([directory!], ([at]) => mkdir(path.join(at!, name), mode & PERMISSIONS));
    return made(session, directory!, name);
  });
}

function makeLink(session: Session, fields: Fields): Promise<Answer> {
  const [number, name, target] = [fields.u32(), fields.text(), fields.text()];
  session.mustBeWritable();
  checkName(name);
  if (Buffer.byteLength(target) > MOST_TARGET_BYTES) throw new FolderError("ENAMETOOLONG");
  if (!leadsDown(target)) throw new FolderError("EPERM", "a guest's links may only lead down");
  return keeping(session, [number], async ([directory]) => {
    mustBeDirectory(directory!);
    namesBelow(directory!, name);
    await session.space.take(ENTRY_BYTES);
    await session.folder.reach([directory!], ([at]) => symlink(target, path.join(at!, name)));
    return made(session, directory!, name);
  });
}

/**
 * Checks that the entry may be moved to another place, and returns it. A link of the host's own that leads elsewhere than down stays where it is: in
 * another place, or under another name, it would lead programs of the host's to where nobody meant them to go.
 */
async function mustBeMovable(session: Session, directory: Entry, name: string): Promise<Entry> {
  const entry = await step(session.folder, directory, name);
  if (entry.type !== "link") return entry;
  try {
    const target = await session.folder.reach([directory], ([at]) => readlink(path.join(at!, name)));
    if (!leadsDown(target)) throw new FolderError("EPERM", "links that do not lead down stay where they are");
    return entry;
  } catch (error) {
    entry.release();
    throw error;
  }
}

function linkAgain(session: Session, fields: Fields): Promise<Answer> {
  const [into, number, name] = [fields.u32(), fields.u32(), fields.text()];
  session.mustBeWritable();
  checkName(name);
  return keeping(session, [into, number], async ([directory, entry]) => {
    mustBeDirectory(directory!);
    if (entry!.type !== "file") throw new FolderError("EPERM", "only files can have several names");
    namesBelow(directory!, name);
    await session.space.take(ENTRY_BYTES);
    await inParent(session.folder, entry!, (parent, old) =>
      session.folder.reach([parent, directory!], ([from, to]) => link(path.join(from!, old), path.join(to!, name))),
    );
    return new Answer(0);
  });
}

function move(session: Session, from: Entry, old: string, to: Entry, name: string): Promise<Answer> {
  mustBeDirectory(from, to);
  return session.folder.moves.take(() => moveLooked(session, from, old, to, name));
}

async function moveLooked(session: Session, from: Entry, old: string, to: Entry, name: string): Promise<Answer> {
  const entry = await mustBeMovable(session, from, old);
  try {
    // If a directory only gets another name in the same parent, the links in it lead to where they led before.
    if (entry.type === "directory" && (from.device !== to.device || from.inode !== to.inode))
      await mustLeadDown(session.folder, entry);
    const [before, after] = [[...from.names, old], namesBelow(to, name)];
    checkPath(pathBytes(after) + session.fids.bytesBelow(before));
    await session.folder.reach([from, to], ([a, b]) => rename(path.join(a!, old), path.join(b!, name)));
    session.fids.renamed(before, after);
    return new Answer(0);
  } finally {
    entry.release();
  }
}

function renameAt(session: Session, fields: Fields): Promise<Answer> {
  const [from, old, to, name] = [fields.u32(), fields.text(), fields.u32(), fields.text()];
  session.mustBeWritable();
  checkName(old);
  checkName(name);
  return keeping(session, [from, to], ([a, b]) => move(session, a!, old, b!, name));
}

function renameFid(session: Session, fields: Fields): Promise<Answer> {
  const [number, into, name] = [fields.u32(), fields.u32(), fields.text()];
  session.mustBeWritable();
  checkName(name);
  return keeping(session, [number, into], ([entry, directory]) =>
    inParent(session.folder, entry!, (parent, old) => move(session, parent, old, directory!, name)),
  );
}

function removed({ folder }: Session, directory: Entry, name: string, isDirectory: boolean): Promise<void> {
  return folder.reach([directory], ([at]) =>
    isDirectory ? rmdir(path.join(at!, name)) : unlink(path.join(at!, name)),
  );
}

function unlinkAt(session: Session, fields: Fields): Promise<Answer> {
  const [number, name, flags] = [fields.u32(), fields.text(), fields.u32()];
  session.mustBeWritable();
  checkName(name);
  return keeping(session, [number], async ([directory]) => {
    mustBeDirectory(directory!);
    const isDirectory = (flags & AT_REMOVEDIR) !== 0;
    // macOS answers EPERM to unlinking a directory, so the type is looked at first.
    const entry = await session.folder.walk(directory!, name);
    entry.release();
    if (!isDirectory && entry.type === "directory") throw new FolderError("EISDIR");
    await removed(session, directory!, name, isDirectory);
    return new Answer(0);
  });
}

/** The fid is given up whether or not it could be removed. */
async function remove(session: Session, fields: Fields): Promise<Answer> {
  const number = fields.u32();
  const entry = session.fids.get(number).entry.retain();
  session.fids.remove(number);
  try {
    session.mustBeWritable();
    await inParent(session.folder, entry, (parent, name) => removed(session, parent, name, entry.type === "directory"));
    return new Answer(0);
  } finally {
    entry.release();
  }
}
