/**
 * Serves one ring of a block device. Data goes between the image and the guest's frames without a copy; the frames stay mapped while the operating
 * system works on them.
 */
import {
  BLKIF_OP_DISCARD,
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
  BLKIF_RSP_EOPNOTSUPP,
  BLKIF_RSP_ERROR,
  BLKIF_RSP_OKAY,
} from "../../../abi/io_blkif.ts";
import { SECTOR_BYTES, StoreError, type BlockStore } from "../../storage/block-store.ts";
import { BackRing } from "../../xenbus/back-ring.ts";
import type { RequestRecord } from "../../xenbus/request-record.ts";
import type { Channel } from "../../xenbus/channel.ts";
import type { DataGrants, HeldPages } from "./data-grants.ts";
import * as blkif from "./protocol.ts";
import type { Room } from "./room.ts";
import type { BlockStatistics } from "./statistics.ts";

/** Requests that are taken in one go before other work has its turn. One with much data counts as several, as it may be done at once. */
const TURNS_PER_SERVICE = 512;
const BYTES_PER_TURN = 32 << 10;
/**
 * Requests of one queue that the image works on at once; the others stay in the ring. The host has only a few threads for the files of all domains,
 * so a queue with two thousand requests must not make its neighbours wait for all of them.
 */
const MOST_UNDER_WAY = 64;

export interface QueueParts {
  buffer: ArrayBufferLike;
  channel: Channel;
  layout: blkif.Layout;
  /** Of the requests that are taken and not answered; null where nobody could go on with them. */
  record: RequestRecord | null;
  grants: DataGrants;
  statistics: BlockStatistics;
  /** The device's present image; null for an empty drive. */
  store: () => BlockStore | null;
  /** Whether the guest may write. */
  isWritable: boolean;
  /** Whether no request may be taken now; serve() is called when that is over. */
  isHeld: () => boolean;
  /** Resolves when all requests of the device that are under way now have ended. */
  drained: () => Promise<unknown>;
  /** Where requests wait for which the host's disk has no room. */
  room: Room;
  fail: (error: unknown) => void;
  /** As in BackendContext. */
  later: (action: () => void) => void;
  now: () => number;
}

export class BlockQueue {
  readonly ring: BackRing;
  readonly channel: Channel;
  readonly #parts: QueueParts;
  readonly #response: Int32Array;
  #isClosed = false;
  #isServing = false;
  /** The next turn of the event loop goes on where this one left off. */
  #willServe = false;
  /** There are answers in the ring that the guest has not been shown. */
  #hasAnswers = false;
  #willShow = false;
  /** The requests that the image works on; none of them rejects. */
  readonly #underWay = new Set<Promise<void>>();

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.channel = parts.channel;
    this.ring = new BackRing(parts.buffer, parts.channel.addresses, parts.layout.slotBytes, parts.record);
    this.#response = new Int32Array(parts.layout.responseWords);
    if (this.ring.isContinued) this.channel.notify();
  }

  /** Takes the requests in the ring, or leaves them to the next turn of the event loop if that is to take more anyway. */
  serve(): void {
    // At most one turn is to come: if each event could add one, a frontend that never lets its ring become empty would have them all.
    if (this.#isClosed || this.#willServe) return;
    this.#isServing = true;
    try {
      this.#takeAll();
    } catch (error) {
      this.#parts.fail(error);
    } finally {
      this.#isServing = false;
      this.#show();
    }
  }

  #takeAll(): void {
    const { ring } = this;
    for (let turns = TURNS_PER_SERVICE; ; turns--) {
      if (this.#parts.isHeld()) return;
      // A request that ends has the next ones taken.
      if (this.#underWay.size >= MOST_UNDER_WAY) return;
      if (turns <= 0) return this.#serveLater();
      if (ring.take()) {
        const bytes = this.#begin(blkif.readRequest(ring.request, this.#parts.layout), ring.taken);
        turns -= Math.floor(bytes / BYTES_PER_TURN);
      } else {
        // The guest works on what has ended while this end looks for more.
        this.#show();
        if (!ring.more()) return;
      }
    }
  }

  #serveLater(): void {
    this.#willServe = true;
    this.#parts.later(() => {
      this.#willServe = false;
      this.serve();
    });
  }

  /** From now on nothing is taken or answered. Resolves when the operating system has let go of the guest's frames. */
  close(): Promise<unknown> {
    this.#isClosed = true;
    return this.idle();
  }

  get inFlight(): number {
    return this.#underWay.size;
  }

  /** Resolves when all requests of this queue that are under way now have ended. */
  idle(): Promise<unknown> {
    return Promise.all(this.#underWay);
  }

  /** Returns how many bytes it is to move. Throws ProtocolError or GrantError. */
  #begin(request: blkif.Request, taken: number): number {
    const began = this.#parts.now();
    const status = this.#refused(request);
    if (status !== BLKIF_RSP_OKAY) {
      this.#answer(request, taken, status);
      return 0;
    }
    if (request.indirectSegments > 0) this.#readIndirect(request);
    const bytes =
      request.segments.reduce((sum, each) => sum + each.lastSector - each.firstSector + 1, 0) * SECTOR_BYTES;
    const store = this.#parts.store()!;
    // A flush without data has no valid sector: Linux gives it sector -1.
    if (bytes > 0 && !fits(store, request.sector, bytes)) {
      this.#answer(request, taken, BLKIF_RSP_ERROR);
      return 0;
    }
    const isRead = request.operation === BLKIF_OP_READ;
    const pages = this.#parts.grants.hold(
      request.segments.map(({ ref }) => ref),
      !isRead,
    );
    const end = (result: number): void => {
      this.#parts.grants.release(pages);
      this.#parts.statistics.count(request.operation, bytes, result, this.#parts.now() - began);
      if (!this.#isClosed) this.#answer(request, taken, result);
    };
    const views = this.#views(request, pages);
    if (this.#isDoneAtOnce(store, request, views)) {
      end(BLKIF_RSP_OKAY);
      return bytes;
    }
    // What was begun before a barrier must be on the disk before the barrier is.
    const earlier = request.operation === BLKIF_OP_WRITE_BARRIER ? this.#parts.drained() : null;
    const work = this.#run(store, request, views, earlier)
      .then((result) => {
        this.#underWay.delete(work);
        end(result);
        // In another turn, as an image that asks the operating system for nothing would otherwise end request after request in this one.
        if (this.#underWay.size === MOST_UNDER_WAY - 1 && !this.#willServe) this.#serveLater();
      })
      .catch((error: unknown) => this.#parts.fail(error));
    this.#underWay.add(work);
    return bytes;
  }

  /** Carries out a read or a write on this thread if its image can. One that fails is not done: it is tried again by #run(), which handles errors. */
  #isDoneAtOnce(store: BlockStore, { operation, sector }: blkif.Request, views: Uint8Array[]): boolean {
    const offset = sector * SECTOR_BYTES;
    try {
      if (operation === BLKIF_OP_READ) return store.readAtOnce?.(offset, views) ?? false;
      if (operation !== BLKIF_OP_WRITE || !store.writeAtOnce?.(offset, views)) return false;
    } catch {
      return false;
    }
    this.#parts.room.found();
    return true;
  }

  /** Returns the status of a request that can't be carried out as it is; OKAY for one that can be tried. */
  #refused({ operation, sector, sectors }: blkif.Request): number {
    const store = this.#parts.store();
    switch (operation) {
      case BLKIF_OP_READ:
        return store ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
      case BLKIF_OP_WRITE:
      case BLKIF_OP_WRITE_BARRIER:
      case BLKIF_OP_FLUSH_DISKCACHE:
        return store && this.#parts.isWritable ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
      case BLKIF_OP_DISCARD:
        if (!store || store.discardGranularity === null) return BLKIF_RSP_EOPNOTSUPP;
        return this.#parts.isWritable && fits(store, sector, sectors * SECTOR_BYTES) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
    }
    return BLKIF_RSP_EOPNOTSUPP;
  }

  #readIndirect(request: blkif.Request): void {
    const { grants, buffer } = this.#parts;
    const page = grants.hold([request.indirectRef], true);
    try {
      const words = new Int32Array(buffer, page.addresses[0]!, 1024);
      request.segments = blkif.readSegments(words, request.indirectSegments);
    } finally {
      grants.release(page);
    }
  }

  /** Returns the request's memory. Parts that lie side by side in the machine are joined. */
  #views({ segments }: blkif.Request, { addresses }: HeldPages): Uint8Array[] {
    const views: Uint8Array[] = [];
    let from = 0;
    let to = 0;
    segments.forEach(({ firstSector, lastSector }, i) => {
      const address = addresses[i]!;
      if (address + firstSector * SECTOR_BYTES !== to) {
        if (to > from) views.push(new Uint8Array(this.#parts.buffer, from, to - from));
        from = address + firstSector * SECTOR_BYTES;
      }
      to = address + (lastSector + 1) * SECTOR_BYTES;
    });
    if (to > from) views.push(new Uint8Array(this.#parts.buffer, from, to - from));
    return views;
  }

  /** Carries out a request, and returns its status. Never rejects. */
  async #run(
    store: BlockStore,
    request: blkif.Request,
    views: Uint8Array[],
    earlier: Promise<unknown> | null,
  ): Promise<number> {
    for (;;) {
      try {
        await this.#carryOut(store, request, views, earlier);
        this.#parts.room.found();
        return BLKIF_RSP_OKAY;
      } catch (error) {
        const reason = error instanceof StoreError ? error.message : String(error);
        this.#parts.statistics.failed(reason);
        const isFull = error instanceof StoreError && error.isFull && !this.#isClosed;
        if (!isFull || !(await this.#parts.room.wait(fullDisk(reason)))) return BLKIF_RSP_ERROR;
      }
    }
  }

  async #carryOut(
    store: BlockStore,
    request: blkif.Request,
    views: Uint8Array[],
    earlier: Promise<unknown> | null,
  ): Promise<void> {
    const offset = request.sector * SECTOR_BYTES;
    switch (request.operation) {
      case BLKIF_OP_READ:
        await store.read(offset, views);
        break;
      case BLKIF_OP_WRITE:
        await store.write(offset, views);
        break;
      case BLKIF_OP_WRITE_BARRIER:
        await earlier;
        await store.flush();
        if (views.length) await store.write(offset, views);
        await store.flush();
        break;
      case BLKIF_OP_FLUSH_DISKCACHE:
        await store.flush();
        if (views.length) await store.write(offset, views);
        break;
      case BLKIF_OP_DISCARD:
        await store.discard(offset, request.sectors * SECTOR_BYTES);
    }
  }

  /**
   * The guest is shown the answer, with one event, together with what else ends before serve() finds no more requests in the ring, or, outside of
   * serve(), in this turn of the event loop.
   */
  #answer({ operation, idLow, idHigh }: blkif.Request, taken: number, status: number): void {
    const response = this.#response;
    response[0] = idLow;
    response[1] = idHigh;
    response[2] = (operation & 0xff) | (status << 16);
    this.ring.respond(response, taken);
    this.#hasAnswers = true;
    if (this.#isServing || this.#willShow) return;
    this.#willShow = true;
    this.#parts.later(() => {
      this.#willShow = false;
      this.#show();
    });
  }

  #show(): void {
    if (!this.#hasAnswers || this.#isClosed) return;
    this.#hasAnswers = false;
    if (this.ring.push()) this.channel.notify();
    // A full ring made the frontend wait. What it has put there since is taken after its next event.
  }
}

function fullDisk(reason: string): string {
  return `The host's disk is full, so the domain waits until there is room: ${reason}`;
}

function fits(store: BlockStore, sector: number, bytes: number): boolean {
  return sector <= store.size / SECTOR_BYTES && sector * SECTOR_BYTES + bytes <= store.size;
}
