/**
 * Removes what is left of files of the host's user that were on their way into a shared folder when their application was killed. Their names say whose
 * they are and which process wrote them, so one that comes just now, by this host or another of this computer, stays. A guest may give such a name to
 * what it has in the folder, which is then removed like the others: it could have removed it itself. Where it may not write, only the user makes names.
 */
import { randomUUID } from "node:crypto";
import { lstat, opendir, rm } from "node:fs/promises";
import path from "node:path";
import { isNamedAlive, PROCESS_NAME, processName } from "../../../../files/processes.ts";
import type { Folder } from "./folder.ts";

const INCOMPLETE = new RegExp(
  `^\\.xenarium-incomplete-(${PROCESS_NAME.source})-[\\da-f]{8}(-[\\da-f]{4}){3}-[\\da-f]{12}$`,
);
/** Entries of the folder that are looked at. */
const MOST_ENTRIES = 65_536;
const READ_AHEAD = 128;

/** Returns a new name for a file that this process brings. */
export function incompleteName(): string {
  return `.xenarium-incomplete-${processName()}-${randomUUID()}`;
}

/** Leaves what can't be removed. */
export async function removeLeftFiles(folder: Folder): Promise<void> {
  // The device may go meanwhile, and what its descriptor is called stands for something else then.
  const root = folder.root.retain();
  try {
    const directory = await folder.reach([root], ([at]) => opendir(at!, { bufferSize: READ_AHEAD }));
    let left = MOST_ENTRIES;
    // Ending the loop closes the directory.
    for await (const { name } of directory) {
      if (left-- === 0) return;
      const maker = INCOMPLETE.exec(name)?.[1];
      if (maker === undefined || isNamedAlive(maker)) continue;
      await folder.reach([root], ([at]) => removeFile(path.join(at!, name)));
    }
  } catch {
    // A folder that can't be listed is shared all the same.
  } finally {
    root.release();
  }
}

/** A link is not followed, and a directory stays. */
async function removeFile(file: string): Promise<void> {
  const found = await lstat(file).catch(() => null);
  if (found?.isFile()) await rm(file, { force: true }).catch(() => {});
}
