/** Where everything is kept that outlives the application, unless a desktop shell decides otherwise. XENARIUM_STATE overrides it. */
import { homedir } from "node:os";
import path from "node:path";

export function stateFolder(): string {
  const { XENARIUM_STATE, XDG_STATE_HOME, LOCALAPPDATA } = process.env;
  if (XENARIUM_STATE) return XENARIUM_STATE;
  if (process.platform === "win32")
    return path.join(LOCALAPPDATA || path.join(homedir(), "AppData", "Local"), "Xenarium");
  if (process.platform === "darwin") return path.join(homedir(), "Library", "Application Support", "Xenarium");
  // The specification says that relative paths are ignored.
  const base =
    XDG_STATE_HOME && path.isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : path.join(homedir(), ".local/state");
  return path.join(base, "xenarium");
}
