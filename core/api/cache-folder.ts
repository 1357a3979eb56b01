/** Where is kept what can be made again: translated code. XENARIUM_CACHE overrides it. */
import { homedir } from "node:os";
import path from "node:path";

/** What XENARIUM_CACHE says if nothing is to be kept. */
const NONE = "none";

/** Returns the folder of translated code, null if none is to be kept. */
export function codeCacheFolder(): string | null {
  const { XENARIUM_CACHE } = process.env;
  return XENARIUM_CACHE === NONE ? null : path.join(XENARIUM_CACHE || usualFolder(), "code");
}

function usualFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === "win32")
    return path.join(LOCALAPPDATA ?? path.join(homedir(), "AppData", "Local"), "Xenarium", "Cache");
  if (process.platform === "darwin") return path.join(homedir(), "Library", "Caches", "Xenarium");
  // The specification says that relative paths are ignored.
  const base = XDG_CACHE_HOME && path.isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : path.join(homedir(), ".cache");
  return path.join(base, "xenarium");
}
