/**
 * Domains that were deleted, and how they go for good. Before that, their disks take in what was written since their first snapshots, which may take long: the
 * library goes on meanwhile.
 */
import path from "node:path";
import type { AwayText, Definition } from "../library/definition.ts";
import { uuidOf } from "../library/folders.ts";
import type { Library } from "../library/library.ts";
import type { Snapshots } from "../library/snapshots/snapshots.ts";
import { ApiFailure } from "./failure.ts";

export class DomainBin {
  readonly #library: Library;
  readonly #snapshots: Snapshots;
  /** Ids of those that are going, and when that has ended; and of those that are being put back. */
  readonly #going = new Map<string, Promise<void>>();
  readonly #coming = new Map<string, Promise<unknown>>();
  /** Ids of those whose day is over, and whose disks are still to be merged. */
  readonly #waiting = new Set<string>();

  constructor(library: Library, snapshots: Snapshots) {
    this.#library = library;
    this.#snapshots = snapshots;
  }

  /** Asked by the library before it deletes a folder of the bin, and told what lies there and what was put aside. Never rejects. */
  async purging(folder: string, away: readonly AwayText[]): Promise<boolean> {
    const isReady = await this.#snapshots.purging(folder, away);
    if (!isReady) this.#waiting.add(path.basename(folder));
    return isReady;
  }

  /**
   * One of them, or all that lie there when this is called: what is deleted meanwhile stays for its day. Where one can't go, the others do. Throws
   * Refusal.
   */
  async purge(id: string | null): Promise<void> {
    if (id !== null) return this.#gone(id);
    const failures: unknown[] = [];
    for (const each of await this.#inOrder())
      await this.#gone(each).catch((error: { code?: string }) => {
        // Somebody else may have removed it, or put it back.
        if (error.code !== "ESRCH") failures.push(error);
      });
    if (failures.length > 0) throw failures[0];
  }

  /** Ids of all that lie there. Domains without snapshots come first: others' images are not merged while these have them as disks. */
  async #inOrder(): Promise<string[]> {
    const { away } = await this.#snapshots.trees();
    const later = new Set(away.filter(({ place }) => place === "bin").map(({ tree }) => tree.uuid));
    const ids = await this.#library.inBin();
    const isLater = (id: string): boolean => later.has(uuidOf(id));
    return [...ids.filter((id) => !isLater(id)), ...ids.filter(isLater)];
  }

  /** Those whose day is over. */
  async purgeOld(): Promise<void> {
    this.#waiting.clear();
    await this.#library.purgeOld();
    for (const id of [...this.#waiting]) await this.#gone(id).catch(() => {});
  }

  #gone(id: string): Promise<void> {
    const going = this.#going.get(id);
    if (going) return going;
    const gone = (async () => {
      await this.#coming.get(id)?.catch(() => {});
      await this.#snapshots.mergeLast(id);
      await this.#library.purge(id);
      await this.#snapshots.moved(null);
    })().finally(() => this.#going.delete(id));
    this.#going.set(id, gone);
    return gone;
  }

  /** Throws Refusal; ApiFailure EBUSY for one that is going. */
  async restore(id: string): Promise<Definition> {
    if (this.#going.has(id)) throw new ApiFailure("EBUSY", "It is being removed for good.");
    const coming = (async () => {
      const found = await this.#library.restore(id);
      await this.#snapshots.moved(found.uuid);
      return found;
    })();
    this.#coming.set(id, coming);
    try {
      return await coming;
    } finally {
      if (this.#coming.get(id) === coming) this.#coming.delete(id);
    }
  }
}
