/** Checks names of entries, so that the host's file system can take each for one entry of a folder and for nothing else. */
import { FolderError } from "../errno.ts";

/** NAME_MAX of Linux and macOS, in bytes; Windows takes as many characters. */
const MOST_BYTES = 255;
/**
 * What Windows forbids: separators, drives and streams, wildcards, control characters; dots and spaces at the end, which it drops; names of devices.
 */
const WINDOWS_FORBIDS =
  /[\\/:*?"<>|\u0001-\u001f]|[. ]$|^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])([ .]|$)/i;

/** Throws FolderError for a name that can't be an entry of a folder. */
export function checkName(name: string, platform: NodeJS.Platform = process.platform): void {
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0"))
    throw new FolderError("EINVAL", "this is no name of an entry");
  if (Buffer.byteLength(name) > MOST_BYTES) throw new FolderError("ENAMETOOLONG");
  if (platform === "win32" && WINDOWS_FORBIDS.test(name))
    throw new FolderError("EINVAL", "Windows can't have such a name");
}

/**
 * Returns whether a link with this target leads down from where it is, wherever it is moved to and whatever other such links it leads through. Other
 * links could lead a program of the host's out of the folder.
 */
export function leadsDown(target: string): boolean {
  if (target === "" || target.includes("\0") || target.includes("\\") || target.includes(":")) return false;
  return !target.startsWith("/") && !target.split("/").includes("..");
}
