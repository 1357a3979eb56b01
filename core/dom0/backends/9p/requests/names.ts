/** Requests that find objects and give them up: attach, walk, clunk. */
import { FolderError } from "../errno.ts";
import { checkName } from "../folder/names.ts";
import { find, step, type Entry } from "../folder/folder.ts";
import { Answer, type Fields, MOST_WALK_NAMES, NO_FID, T, type Qid } from "../messages.ts";
import type { Session } from "../session.ts";
import type { Handlers } from "./handler.ts";

export const NAMES: Handlers = {
  [T.attach]: attach,
  [T.walk]: walk,
  [T.clunk]: clunk,
};

/** The user who asks makes no difference: the files are those that the host's user may use. */
function attach(session: Session, fields: Fields): Answer {
  const [number, authentication] = [fields.u32(), fields.u32()];
  fields.text();
  const tree = fields.text();
  if (authentication !== NO_FID) throw new FolderError("EOPNOTSUPP", "there is nothing to authenticate");
  if (tree !== "" && tree !== "/") throw new FolderError("ENOENT", "there is one tree, without a name");
  const { root } = session.folder;
  session.fids.add(number, root.retain());
  return new Answer().qid(session.qid(root));
}

async function walk(session: Session, fields: Fields): Promise<Answer> {
  const [number, next, count] = [fields.u32(), fields.u32(), fields.u16()];
  if (count > MOST_WALK_NAMES) throw new FolderError("EINVAL", `at most ${MOST_WALK_NAMES} names at once`);
  const names = Array.from({ length: count }, () => fields.text());
  const fid = session.fids.get(number);
  if (next !== number) session.fids.checkNew(next);
  let entry = fid.entry.retain();
  const found: Qid[] = [];
  for (const name of names) {
    try {
      const inside = await walkOne(session, entry, name);
      entry.release();
      entry = inside;
      found.push(session.qid(entry));
    } catch (error) {
      entry.release();
      if (found.length === 0) throw error;
      return answer(found);
    }
  }
  if (next !== number) session.fids.add(next, entry);
  else if (fid.isGone || fid.isOpen) {
    entry.release();
    throw new FolderError("EBADF");
  } else {
    fid.entry.release();
    fid.entry = entry;
  }
  return answer(found);
}

/** There is nothing above the shared folder, so ".." of the root is the root. */
async function walkOne({ folder }: Session, from: Entry, name: string): Promise<Entry> {
  if (name === "..") {
    if (from.type !== "directory") throw new FolderError("ENOTDIR");
    return find(folder, from.names.slice(0, -1));
  }
  checkName(name);
  return step(folder, from, name);
}

function answer(found: readonly Qid[]): Answer {
  const reply = new Answer().u16(found.length);
  for (const qid of found) reply.qid(qid);
  return reply;
}

function clunk(session: Session, fields: Fields): Answer {
  session.fids.remove(fields.u32());
  return new Answer(0);
}
