/**
 * Copies of a PVH domain (copies.ts): they share its memory with it, copy-on-write, and only what is used in other ways too, as by a grant, is copied. Each
 * domain has in reserve what it shares (core/hypervisor/memory/cow.ts), so whoever writes to all of its memory finds room.
 */
import { COPY_MOST } from "../../hypervisor/abi/native.ts";
import { connectRings } from "../builder/pvh/rings.ts";
import { HvmHypercalls } from "../kernel/hvm.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import type { ForeignFrames } from "../kernel/native.ts";
import { restorePolicy } from "./cpu-policy.ts";
import { turns, type Copies, type DomainRestore } from "./copies.ts";
import { checkOnDemand, SAVED_PARAMETERS } from "./pvh-save.ts";
import { SaveError } from "./p2m.ts";

/** Of a domain that has suspended, of which `count` copies are to be made. Throws SaveError. */
export function pvhCopies(hypercalls: Hypercalls, frames: ForeignFrames, domid: number, count: number): Copies {
  const hvm = new HvmHypercalls(hypercalls);
  const info = hypercalls.domains.info(domid);
  if (!info) throw new SaveError("The domain is gone.");
  checkOnDemand(hvm, domid);
  // The domain needs a reserve for what it shares, and the copies come first.
  const { reserve } = hvm.onDemand(domid);
  const { freePages } = hypercalls.host.physicalInfo();
  const hasRoom = freePages >= count * info.totPages + (info.totPages - reserve);
  return new PvhCopies(hypercalls, frames, hvm, domid, hasRoom);
}

class PvhCopies implements Copies {
  readonly #hypercalls: Hypercalls;
  readonly #frames: ForeignFrames;
  readonly #hvm: HvmHypercalls;
  /** What the next copy is made from. */
  #source: number;
  readonly #frameCount: number;
  /** Whether what the next copy is made from has memory that could be shared and is not yet. */
  #isToShare: boolean;
  readonly #context: Uint8Array;
  readonly #rings: readonly number[];
  readonly #policy: Uint8Array;

  constructor(hypercalls: Hypercalls, frames: ForeignFrames, hvm: HvmHypercalls, domid: number, isToShare: boolean) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
    this.#hvm = hvm;
    this.#source = domid;
    this.#isToShare = isToShare;
    this.#frameCount = hvm.highestFrame(domid) + 1;
    this.#context = hvm.context(domid);
    this.#rings = SAVED_PARAMETERS.map((index) => hvm.parameter(domid, index));
    this.#policy = hypercalls.domains.cpuPolicy(domid);
  }

  async fill(domid: number, alive: () => void): Promise<void> {
    const turn = turns();
    for (let first = 0; first < this.#frameCount; first += COPY_MOST) {
      const count = Math.min(COPY_MOST, this.#frameCount - first);
      if (this.#isToShare) this.#hvm.makeShareable(this.#source, first, count);
      this.#hvm.copyMemory(this.#source, domid, first, count);
      alive();
      await turn();
    }
    this.#source = domid;
    this.#isToShare = false;
  }

  complete(request: DomainRestore): { storeMfn: number; consoleMfn: number } {
    const [storeMfn, consoleMfn] = this.#rings as [number, number];
    connectRings(this.#hvm, this.#frames, this.#hypercalls.memory, request, storeMfn, consoleMfn);
    restorePolicy(this.#hypercalls, request, this.#policy);
    this.#hvm.setContext(request.domid, this.#context);
    return { storeMfn, consoleMfn };
  }
}
