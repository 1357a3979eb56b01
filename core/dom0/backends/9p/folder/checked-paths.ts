/**
 * For hosts without calls that begin at a directory (Node on macOS and Windows). Each name of a path is looked at before the path is used. Nobody who
 * shares a folder here does anything between the look and the use, because all of them take turns. Guests neither make nor move links that lead
 * elsewhere than down, so they can't prepare a way out. Another program of the user's could still put a link into the folder at just that moment.
 */
import { constants, type BigIntStats } from "node:fs";
import { lstat, realpath } from "node:fs/promises";
import path from "node:path";
import { FolderError } from "../errno.ts";
import { Entry, namesBelow, type Folder } from "./folder.ts";
import type { Moves, MovesIn } from "./moves.ts";
import type { Turns } from "./turns.ts";

export class CheckedFolder implements Folder {
  readonly root: Entry;
  readonly moves: MovesIn;
  /** O_NONBLOCK so that opening a pipe does not wait. Windows has neither flag. */
  readonly openFlags = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  readonly #path: string;
  readonly #turns: Turns;

  private constructor(real: string, status: BigIntStats, turns: Turns, moves: MovesIn) {
    this.moves = moves;
    this.#path = real;
    this.#turns = turns;
    this.root = new Entry([], status, -1, () => {});
  }

  static async open(folder: string, turns: Turns, moves: Moves): Promise<CheckedFolder> {
    const real = await realpath(folder);
    const status = await lstat(real, { bigint: true });
    if (!status.isDirectory()) throw new FolderError("ENOTDIR");
    return new CheckedFolder(real, status, turns, moves.of(real));
  }

  async walk(directory: Entry, name: string): Promise<Entry> {
    const names = namesBelow(directory, name);
    return this.reach([directory], async ([at]) => {
      const status = await lstat(path.join(at!, name), { bigint: true });
      if (status.isDirectory() && status.dev !== this.root.device)
        throw new FolderError("EXDEV", `${name} is another file system`);
      return new Entry(names, status, -1, () => {});
    });
  }

  status(entry: Entry): Promise<BigIntStats> {
    return this.#turns.take(async () => (await this.#look(entry)).status);
  }

  reach<T>(entries: readonly Entry[], action: (paths: string[]) => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      const paths: string[] = [];
      for (const entry of entries) paths.push((await this.#look(entry)).at);
      return action(paths);
    });
  }

  close(): void {
    this.moves.close();
  }

  async #look(entry: Entry): Promise<{ at: string; status: BigIntStats }> {
    let at = this.#path;
    let status = await lstat(at, { bigint: true });
    if (!this.root.is(status)) throw new FolderError("ESTALE");
    for (const name of entry.names) {
      if (!status.isDirectory()) throw new FolderError("ESTALE");
      at = path.join(at, name);
      status = await lstat(at, { bigint: true });
    }
    if (!entry.is(status)) throw new FolderError("ESTALE");
    return { at, status };
  }
}
