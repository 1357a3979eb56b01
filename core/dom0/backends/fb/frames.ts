/**
 * The frames of a guest's framebuffer, which are held until it is disconnected. They are named by the guest's frame numbers, because pvfb is older
 * than grants.
 */
import { HypercallError } from "../../kernel/errno.ts";
import type { ForeignFrames, FrameAccess, HeldFrame } from "../../kernel/native.ts";
import { PAGE_SIZE, type PhysicalMemory } from "../../kernel/memory.ts";
import { FramebufferError, readLong, type Description } from "./protocol.ts";

/** A frame number beyond the machine's memory would be taken for another one when it is cut to 32 bits. */
const MOST_FRAME = 0xfffff;

export class FramebufferFrames {
  readonly #foreign: ForeignFrames;
  readonly #domid: number;
  readonly #held: HeldFrame[] = [];

  constructor(foreign: ForeignFrames, domid: number) {
    this.#foreign = foreign;
    this.#domid = domid;
  }

  /** Throws FramebufferError for a frame that is not the guest's, and for one that is to be written but is a page table or descriptor table. */
  hold(mfn: number, access: FrameAccess): HeldFrame {
    try {
      if (mfn > MOST_FRAME) throw new HypercallError("", 22);
      const frame = this.#foreign.hold(this.#domid, mfn, access);
      this.#held.push(frame);
      return frame;
    } catch (error) {
      if (!(error instanceof HypercallError)) throw error;
      const which = access === "write" ? "memory of the domain that it can write" : "a frame of the domain";
      throw new FramebufferError(`frame ${mfn} of the framebuffer is not ${which}`, { cause: error });
    }
  }

  /** Holds all frames of the framebuffer, in order. The pages of the directory are read once. */
  holdAll(memory: PhysicalMemory, { bytes, directory }: Description, longBytes: 4 | 8): HeldFrame[] {
    const count = Math.ceil(bytes / PAGE_SIZE);
    const each = PAGE_SIZE / longBytes;
    const frames: HeldFrame[] = [];
    for (const mfn of directory) {
      const list = this.hold(mfn, "read");
      const copy = memory.bytes(list.address, PAGE_SIZE).slice();
      const view = new DataView(copy.buffer, copy.byteOffset, PAGE_SIZE);
      for (let i = 0; i < each && frames.length < count; i++)
        frames.push(this.hold(readLong(view, i * longBytes, longBytes), "read"));
    }
    return frames;
  }

  get count(): number {
    return this.#held.length;
  }

  release(): void {
    for (const frame of this.#held.splice(0)) this.#foreign.release(frame);
  }
}
