/**
 * The files of the host's computer that a client may name. The user's own command line may name any. Another client may name those that, as the
 * desktop shell knows, its user has chosen, and those in the folders that the host keeps for its clients. It reaches no other file of the user's.
 */
import path from "node:path";
import type { DeviceSpec } from "../dom0/xenbus/kind.ts";
import { ApiFailure } from "./failure.ts";

/** The most paths that one window's user may have chosen; more push out the oldest. */
const MOST_GRANTED = 1024;

export class HostFiles {
  readonly mayNameAll: boolean;
  readonly #folders: readonly string[];
  readonly #granted = new Set<string>();

  /** `folders` are those whose files every client may name. */
  constructor(mayNameAll: boolean, folders: readonly (string | null)[]) {
    this.mayNameAll = mayNameAll;
    this.#folders = folders.filter((folder) => folder !== null).map((folder) => path.resolve(folder));
  }

  /** Called when the user has chosen this file in the client's window. */
  grant(file: string): void {
    if (!path.isAbsolute(file)) return;
    if (this.#granted.size >= MOST_GRANTED) this.#granted.delete(this.#granted.values().next().value!);
    this.#granted.add(path.normalize(file));
  }

  allows(file: string): boolean {
    if (this.mayNameAll) return true;
    if (!path.isAbsolute(file)) return false;
    const plain = path.normalize(file);
    // The files lie directly in those folders, under names that the host has chosen.
    return this.#granted.has(plain) || this.#folders.some((folder) => path.dirname(plain) === folder);
  }

  /**
   * Returns whether the client may share a folder with everything in it: only one that the user has chosen for that, wherever the host's own files
   * are.
   */
  allowsFolder(folder: string): boolean {
    return this.mayNameAll || (path.isAbsolute(folder) && this.#granted.has(path.normalize(folder)));
  }

  /** Checks what a device gives to its domain. Throws ApiFailure EACCES. */
  checkDevice({ files, folders = [], sockets = [] }: Pick<DeviceSpec, "files" | "folders" | "sockets">): void {
    for (const file of files) this.check(file);
    for (const folder of folders)
      if (!this.allowsFolder(folder))
        throw new ApiFailure(
          "EACCES",
          `This window may not share ${folder}: choose that folder in the desktop application, or use the command line.`,
        );
    if (sockets.length && !this.mayNameAll)
      throw new ApiFailure("EACCES", `This window may not make the socket ${sockets[0]}: use the command line.`);
  }

  /** Throws ApiFailure EACCES. */
  check(file: string): void {
    if (this.allows(file)) return;
    throw new ApiFailure(
      "EACCES",
      `This window may not name ${file}: choose that file in the window, or drop it there, or use the command line.`,
    );
  }
}
