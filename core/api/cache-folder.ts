/** Where is kept what can be made again: translated code. XENARIUM_CACHE overrides it. */
import { homedir } from "node:os";
import path from "node:path";

/** What XENARIUM_CACHE says if nothing is to be kept. */
const NONE = "none";

/** Returns the folder of translated code; null if none is to be kept, or there is no place for it, as where a user has no home folder. */
export function codeCacheFolder(): string | null {
  const { XENARIUM_CACHE } = process.env;
  if (XENARIUM_CACHE === NONE) return null;
  const folder = XENARIUM_CACHE ? path.resolve(XENARIUM_CACHE) : usualFolder();
  return folder === null ? null : path.join(folder, "code");
}

function usualFolder(): string | null {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  const isWindows = process.platform === "win32";
  const named = isWindows ? LOCALAPPDATA : process.platform === "darwin" ? undefined : XDG_CACHE_HOME;
  // The specification says that relative paths are ignored.
  if (named && path.isAbsolute(named))
    return isWindows ? path.join(named, "Xenarium", "Cache") : path.join(named, "xenarium");
  const home = homeFolder();
  if (home === null) return null;
  if (isWindows) return path.join(home, "AppData", "Local", "Xenarium", "Cache");
  return process.platform === "darwin"
    ? path.join(home, "Library", "Caches", "Xenarium")
    : path.join(home, ".cache", "xenarium");
}

function homeFolder(): string | null {
  try {
    const home = homedir();
    return path.isAbsolute(home) ? home : null;
  } catch {
    // The user, such as a container's, is a number without a name, and HOME is not set.
    return null;
  }
}
