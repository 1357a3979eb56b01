/**
 * What one frontend's conversation in 9P2000.L has: a folder, fids, how long messages are, what is under way. How many requests are under way at
 * once is the rings' to bound (lane.ts); what is kept is bounded here. The requests: ./requests.
 */
import { errnoOf, FolderError } from "./errno.ts";
import { Fids, type Fid } from "./fids.ts";
import type { Folders } from "./folders.ts";
import type { Entry, Folder } from "./folder/folder.ts";
import { FreeSpace } from "./folder/free-space.ts";
import { placeIn } from "./folder/open-file.ts";
import { DATA_HEAD_BYTES, errorAnswer, type Qid } from "./messages.ts";
import type { ShareStatistics } from "./statistics.ts";

export interface Share {
  readonly folder: Folder;
  readonly isReadOnly: boolean;
  readonly folders: Folders;
  readonly statistics: ShareStatistics;
}

export class Session {
  /** Of no other in this domain. */
  readonly id: number;
  readonly folder: Folder;
  readonly folders: Folders;
  readonly fids: Fids;
  readonly space: FreeSpace;
  readonly #share: Share;
  readonly #mostMessage: number;
  #message: number;
  /** In the order in which they began; `ended` resolves when the request has been answered. Nobody waits for who came later. */
  readonly #underWay = new Set<{ tag: number; ended: Promise<unknown> }>();

  /** `mostMessage`: bytes that fit the rings. */
  constructor(share: Share, mostMessage: number) {
    this.#share = share;
    this.folder = share.folder;
    this.folders = share.folders;
    this.id = share.folders.newSession();
    this.space = new FreeSpace(share.folder);
    this.#mostMessage = mostMessage;
    this.#message = mostMessage;
    this.fids = new Fids(share.folders.mostFids, (fid) => this.#unlock(fid));
  }

  /** Bytes of the longest message, as agreed upon. */
  get message(): number {
    return this.#message;
  }

  /** The request is under way until `ended` resolves: who waits for it waits for that. */
  track(tag: number, ended: Promise<unknown>): void {
    const request = { tag, ended };
    this.#underWay.add(request);
    void ended.finally(() => this.#underWay.delete(request));
  }

  /** Tread's work: fills the views; how many bytes there were. Rejects when it can't. */
  async read(fid: number, offset: bigint, views: readonly Uint8Array[]): Promise<number> {
    const { file, listing } = this.fids.get(fid);
    if (!file) throw new FolderError(listing ? "EISDIR" : "EBADF");
    const count = views.length === 0 ? 0 : await file.read(placeIn(offset), views);
    this.#share.statistics.read(count);
    return count;
  }

  /** Twrite's; how many bytes were taken. */
  async write(fid: number, offset: bigint, views: readonly Uint8Array[], bytes: number): Promise<number> {
    this.mustBeWritable();
    const { file, listing } = this.fids.get(fid);
    if (!file) throw new FolderError(listing ? "EISDIR" : "EBADF");
    await this.space.take(bytes);
    const count = views.length === 0 ? 0 : await file.write(placeIn(offset), views);
    this.#share.statistics.wrote(count);
    return count;
  }

  /** Bytes of an answer's data that fit, of those that were asked for. */
  fits(count: number): number {
    return Math.min(count, this.#message - DATA_HEAD_BYTES);
  }

  /** Throws FolderError EROFS. */
  mustBeWritable(): void {
    if (this.#share.isReadOnly) throw new FolderError("EROFS");
  }

  qid(entry: Entry, version = 0): Qid {
    return { type: entry.type === "directory" ? 0x80 : entry.type === "link" ? 0x02 : 0, version, path: entry.inode };
  }

  /** Nobody asks any more, and nothing is under way. */
  close(): void {
    this.fids.clear();
  }

  /** Begins anew with messages of so many bytes, once what began before has ended: what there was is given up. */
  async restart(message: number): Promise<void> {
    await Promise.all([...this.#underWay].map(({ ended }) => ended));
    this.fids.clear();
    this.#message = Math.min(message, this.#mostMessage);
  }

  /** Resolves when the requests with this tag that began before have been answered. */
  async answered(tag: number): Promise<void> {
    await Promise.all([...this.#underWay].map((each) => each.tag === tag && each.ended));
  }

  /** A request was done. */
  count(): void {
    this.#share.statistics.answered(null);
  }

  refusal(tag: number, error: unknown): Uint8Array {
    const errno = errnoOf(error);
    this.#share.statistics.answered(errno);
    return errorAnswer(tag, errno);
  }

  #unlock(fid: Fid): void {
    for (const file of fid.locked) this.folders.locks.release(file, fid);
  }
}
