/**
 * Serves one ring of a shared folder. Several requests are carried out at once. The data of a write goes from the ring to the file, and that of a
 * read from the file into the ring, as views of the guest's frames and without a copy. Everything else is copied once, and only the copy is looked
 * at.
 * The frontend gets a request's bytes back when nothing reads them any more, in the order of the requests. Answers lie in the ring in the order in
 * which their writing began, so one whose data is being read from a file keeps later ones waiting.
 */
import { RingError } from "../../xenbus/back-ring.ts";
import type { Channel } from "../../xenbus/channel.ts";
import type { BackendContext } from "../../xenbus/kind.ts";
import { FolderError } from "./errno.ts";
import { Answer, DATA_HEAD_BYTES, Fields, HEADER_BYTES, readHead, T, WRITE_HEAD_BYTES } from "./messages.ts";
import { carryOut } from "./requests/table.ts";
import type { FlexRing } from "./ring.ts";
import type { Session } from "./session.ts";

/** Requests of one ring that are carried out at once; the others stay in the ring. The host has only a few threads for the files of all domains. */
const MOST_UNDER_WAY = 8;

/** The place of a request's bytes in the ring. */
interface Extent {
  readonly end: number;
  isDone: boolean;
}
/** An answer that is written once there is room for it. */
interface Writing {
  readonly room: number;
  /** Writes the answer and returns the number of its bytes. Never rejects. */
  readonly write: () => number | Promise<number>;
  readonly end: () => void;
}

type LaneContext = Pick<BackendContext, "fail" | "later">;

export class Lane {
  readonly ring: FlexRing;
  readonly channel: Channel;
  readonly #session: Session;
  readonly #fail: BackendContext["fail"];
  readonly #later: BackendContext["later"];
  readonly #held: Extent[] = [];
  readonly #writings: Writing[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #isWriting = false;
  #isClosed = false;
  /** The next turn of the event loop takes more. */
  #willServe = false;

  constructor(ring: FlexRing, channel: Channel, session: Session, { fail, later }: LaneContext) {
    this.ring = ring;
    this.channel = channel;
    this.#session = session;
    this.#fail = fail;
    this.#later = later;
  }

  get inFlight(): number {
    return this.#underWay.size;
  }

  /**
   * Takes what is in the ring, as far as so much may be under way, and writes the answers that it has room for; or leaves that to the next turn of the
   * event loop if that is to take more anyway.
   */
  serve(): void {
    if (this.#isClosed || this.#willServe) return;
    try {
      this.#write();
      while (this.#underWay.size < MOST_UNDER_WAY && this.#take());
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * In another turn, as requests that need nothing of the host would otherwise end one after the other in this one, for as long as the frontend puts
   * more of them into the ring.
   */
  #serveLater(): void {
    if (this.#willServe) return;
    this.#willServe = true;
    this.#later(() => {
      this.#willServe = false;
      this.serve();
    });
  }

  /** From now on nothing is taken or answered, and the interface page is no longer touched. Resolves when nothing uses the guest's frames. */
  close(): Promise<unknown> {
    this.#isClosed = true;
    for (const { end } of this.#writings.splice(0)) end();
    return Promise.all(this.#underWay);
  }

  /** Begins the next request. Returns false when there is none, or only part of one. Throws RingError. */
  #take(): boolean {
    const { ring } = this;
    const available = ring.available();
    if (available < HEADER_BYTES) return false;
    const at = ring.next;
    const header = Buffer.alloc(HEADER_BYTES);
    ring.copy(at, header);
    const size = header.readUInt32LE(0);
    if (size < HEADER_BYTES || size > this.#session.message)
      throw new RingError(`a message has ${size} bytes; allowed: ${HEADER_BYTES} to ${this.#session.message}`);
    if (available < size) return false;
    ring.take(size);
    this.#begin(header.readUInt8(4), header.readUInt16LE(5), at, size);
    return true;
  }

  #begin(type: number, tag: number, at: number, size: number): void {
    const extent: Extent = { end: (at + size) >>> 0, isDone: false };
    this.#held.push(extent);
    const bytes = Buffer.alloc(type === T.write ? Math.min(size, WRITE_HEAD_BYTES) : size);
    this.ring.copy(at, bytes);
    // Size and type are those that were read a moment ago: the frontend may have changed them in the ring since.
    const work =
      type === T.write
        ? this.#carryOutWrite(tag, bytes, at, size)
        : type === T.read
          ? null
          : carryOut(this.#session, type, tag, bytes);
    if (type !== T.write) this.#giveBack(extent);
    const answered = work ? work.then((answer) => this.#put(answer)) : this.#putRead(tag, bytes);
    const ended = answered.then(() => {
      if (type === T.write) this.#giveBack(extent);
      this.#underWay.delete(ended);
      if (this.#underWay.size === MOST_UNDER_WAY - 1) this.#serveLater();
    });
    this.#underWay.add(ended);
    this.#session.track(tag, ended);
  }

  async #carryOutWrite(tag: number, head: Uint8Array, at: number, size: number): Promise<Uint8Array> {
    try {
      const fields = new Fields(head);
      const [fid, offset, count] = [fields.u32(), fields.u64(), fields.u32()];
      if (count !== size - WRITE_HEAD_BYTES) throw new FolderError("EPROTO", "the data is not as long as it says");
      const views = this.ring.outViews((at + WRITE_HEAD_BYTES) >>> 0, count);
      return new Answer(4).u32(await this.#session.write(fid, offset, views, count)).finish(T.write, tag);
    } catch (error) {
      return this.#session.refusal(tag, error);
    }
  }

  #putRead(tag: number, bytes: Uint8Array): Promise<void> {
    const { ring } = this;
    try {
      const fields = new Fields(bytes);
      const [fid, offset, wanted] = [fields.u32(), fields.u64(), fields.u32()];
      const count = Math.min(this.#session.fits(wanted), ring.size - DATA_HEAD_BYTES);
      const write = async (): Promise<number> => {
        try {
          const got = await this.#session.read(fid, offset, ring.inViews(DATA_HEAD_BYTES, count));
          if (this.#isClosed) return 0;
          ring.fill(readHead(tag, got));
          return DATA_HEAD_BYTES + got;
        } catch (error) {
          const refusal = this.#session.refusal(tag, error);
          if (this.#isClosed) return 0;
          ring.fill(refusal);
          return refusal.length;
        }
      };
      return this.#queue(DATA_HEAD_BYTES + count, write);
    } catch (error) {
      return this.#put(this.#session.refusal(tag, error));
    }
  }

  #put(answer: Uint8Array): Promise<void> {
    return this.#queue(answer.length, () => {
      this.ring.fill(answer);
      return answer.length;
    });
  }

  /** Resolves when the answer has been written, or there is nobody to write it to any more. */
  #queue(room: number, write: Writing["write"]): Promise<void> {
    return new Promise((end) => {
      if (this.#isClosed) return end();
      this.#writings.push({ room, write, end });
      try {
        this.#write();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  /** Writes as many answers as there is room for. The frontend sends an event when it has read some. Throws RingError. */
  #write(): void {
    while (!this.#isClosed && !this.#isWriting) {
      const next = this.#writings[0];
      if (!next || this.ring.room() < next.room) return;
      this.#writings.shift();
      const written = next.write();
      if (typeof written === "number") {
        this.#publish(written, next);
        continue;
      }
      this.#isWriting = true;
      void written.then((count) => {
        this.#isWriting = false;
        this.#publish(count, next);
        try {
          this.#write();
        } catch (error) {
          this.#fail(error);
        }
      });
    }
  }

  #publish(count: number, { end }: Writing): void {
    if (!this.#isClosed) {
      this.ring.publish(count);
      this.channel.notify();
    }
    end();
  }

  #giveBack(extent: Extent): void {
    extent.isDone = true;
    if (this.#isClosed) return;
    let last: Extent | undefined;
    while (this.#held[0]?.isDone) last = this.#held.shift();
    if (last) this.ring.giveBack(last.end);
  }
}
