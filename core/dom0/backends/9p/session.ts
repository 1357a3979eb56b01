/**
 * The state of one frontend's conversation in 9P2000.L: the folder, the fids, the length of messages, the requests under way. The rings bound how
 * many requests are under way at once (lane.ts); what is kept longer is bounded here. The requests are in ./requests.
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
  /** An id that no other session of this domain has. */
  readonly id: number;
  readonly folder: Folder;
  readonly folders: Folders;
  readonly fids: Fids;
  readonly space: FreeSpace;
  readonly #share: Share;
  readonly #mostMessage: number;
  #message: number;
  /** In the order in which they began. `ended` resolves when the request has been answered. A request waits only for earlier ones. */
  readonly #underWay = new Set<{ tag: number; ended: Promise<unknown> }>();

  /** `mostMessage` is the number of bytes that fit into the rings. */
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

  /** The agreed length of the longest message, in bytes. */
  get message(): number {
    return this.#message;
  }

  /** Counts the request as under way until `ended` resolves; who waits for the request waits for that. */
  track(tag: number, ended: Promise<unknown>): void {
    const request = { tag, ended };
    this.#underWay.add(request);
    void ended.finally(() => this.#underWay.delete(request));
  }

  /** The work of Tread: fills the views, and returns how many bytes there were. Rejects when it can't. */
  async read(fid: number, offset: bigint, views: readonly Uint8Array[]): Promise<number> {
    const { file, listing } = this.fids.get(fid);
    if (!file) throw new FolderError(listing ? "EISDIR" : "EBADF");
    const count = views.length === 0 ? 0 : await file.read(placeIn(offset), views);
    this.#share.statistics.read(count);
    return count;
  }

  /** The work of Twrite; returns how many bytes were written. */
  async write(fid: number, offset: bigint, views: readonly Uint8Array[], bytes: number): Promise<number> {
    this.mustBeWritable();
    const { file, listing } = this.fids.get(fid);
    if (!file) throw new FolderError(listing ? "EISDIR" : "EBADF");
    await this.space.take(bytes);
    const count = views.length === 0 ? 0 : await file.write(placeIn(offset), views);
    this.#share.statistics.wrote(count);
    return count;
  }

  /** Returns how many of the bytes asked for fit into an answer. */
  fits(count: number): number {
    return Math.min(count, this.#message - DATA_HEAD_BYTES);
  }

  /** Throws FolderError EROFS if the folder is read-only. */
  mustBeWritable(): void {
    if (this.#share.isReadOnly) throw new FolderError("EROFS");
  }

  qid(entry: Entry, version = 0): Qid {
    return { type: entry.type === "directory" ? 0x80 : entry.type === "link" ? 0x02 : 0, version, path: entry.inode };
  }

  /** Called when nobody asks any more and nothing is under way. */
  close(): void {
    this.fids.clear();
  }

  /** Begins a new conversation with messages of so many bytes, once the requests under way have ended: all fids are given up. */
  async restart(message: number): Promise<void> {
    await Promise.all([...this.#underWay].map(({ ended }) => ended));
    this.fids.clear();
    this.#message = Math.min(message, this.#mostMessage);
  }

  /** Resolves when the earlier requests with this tag have been answered. */
  async answered(tag: number): Promise<void> {
    await Promise.all([...this.#underWay].map((each) => each.tag === tag && each.ended));
  }

  /** Counts a request that was carried out. */
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
