/** Whether a folder is this user's, and whether others may reach what is in it. */
import { lstatSync } from "node:fs";

/** The user's number; -1 on Windows, where folders have no such owner and are taken for the user's. */
export function userNumber(): number {
  // os.userInfo() throws where the number has no name, as often in a container.
  return process.getuid?.() ?? -1;
}

/** Returns false where there is none. A link, even to a folder of the user's, is somebody's who may change where it leads. */
export function isOwnFolder(folder: string): boolean {
  return isClosed(folder, 0);
}
/** The same of one that nobody else may even enter. */
export function isPrivateFolder(folder: string): boolean {
  return isClosed(folder, 0o077);
}
/** The same of one into which nobody else may put anything. */
export function isOnlyWrittenByUser(folder: string): boolean {
  return isClosed(folder, 0o022);
}

function isClosed(folder: string, forbidden: number): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return false;
  return process.platform === "win32" || (found.uid === userNumber() && (found.mode & forbidden) === 0);
}
