/** Looks for the host's own links inside a directory that a guest wants to move. */
import { opendir, readlink } from "node:fs/promises";
import path from "node:path";
import { FolderError } from "../errno.ts";
import type { Entry, Folder } from "./folder.ts";
import { leadsDown } from "./names.ts";

/** How many entries of one directory are looked at, and how deep. A guest's `mv` copies what is larger, as it does between file systems. */
const MOST_ENTRIES = 5000;
const DEEPEST = 64;
/** How many entries the host is asked for at once. */
const PIECE = 128;

/**
 * Throws FolderError EPERM if a directory has, at any depth, a link that does not lead down: with another directory above it, such a link would lead
 * to where nobody meant it to. Throws EXDEV if it has too much to be looked at.
 * No such link can come in meanwhile: no guest makes or moves one, and none moves a directory that has one into another.
 */
export async function mustLeadDown(folder: Folder, directory: Entry): Promise<void> {
  let left = MOST_ENTRIES;
  const look = async (at: Entry, depth: number): Promise<void> => {
    if (depth > DEEPEST) throw tooMuch();
    const below = await folder.reach([at], async ([here]) => {
      const directories: string[] = [];
      // In pieces, so that no more of a directory is read than is looked at, however large it is. Leaving the loop closes it.
      for await (const each of await opendir(here!, { bufferSize: PIECE })) {
        if (--left < 0) throw tooMuch();
        if (each.isSymbolicLink() && !leadsDown(await readlink(path.join(here!, each.name))))
          throw new FolderError("EPERM", `${each.name} in it does not lead down, and stays where it is`);
        if (each.isDirectory()) directories.push(each.name);
      }
      return directories;
    });
    for (const name of below) {
      const next = await folder.walk(at, name);
      try {
        await look(next, depth + 1);
      } finally {
        next.release();
      }
    }
  };
  await look(directory, 1);
}

function tooMuch(): FolderError {
  return new FolderError("EXDEV", "the directory has too much in it to be moved in one step");
}
