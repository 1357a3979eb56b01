/**
 * Writes a PVH domain that has suspended as a stream, as libxenguest does for x86 HVM domains: the pages by their guest frame numbers, then the vCPUs
 * in an HVM context, and the parameters by which its rings are found. Pages of Xen's that are shared with the guest are not written: the guest maps
 * them again when it is restored.
 */
import { HVM_PARAM_CONSOLE_PFN, HVM_PARAM_STORE_PFN } from "../../abi/hvm_params.ts";
import type { HvmHypercalls } from "../kernel/hvm.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";

import type { ForeignFrames } from "../kernel/native.ts";
import { policyRecord } from "./cpu-policy.ts";
import { SaveError } from "./p2m.ts";
import { ownedFrames } from "./owned-frames.ts";
import * as stream from "./stream.ts";

/** Pages in a record: as many as a large entry of the second stage maps, so that the domain can be restored with such entries. */
const BATCH = 512;
export const SAVED_PARAMETERS = [HVM_PARAM_STORE_PFN, HVM_PARAM_CONSOLE_PFN];

/** Throws SaveError for a domain that has less in reserve than it gets on demand. */
export function checkOnDemand(hvm: HvmHypercalls, domid: number): void {
  const { frames, reserve } = hvm.onDemand(domid);
  if (frames > reserve)
    throw new SaveError(
      `The guest has not yet given back the ${Math.ceil((frames - reserve) / 256)} MiB that it has more than it may use; it can be written when its balloon driver has.`,
    );
}

export class PvhSaver {
  readonly #hypercalls: Hypercalls;
  readonly #hvm: HvmHypercalls;
  readonly #frames: ForeignFrames;

  constructor(hypercalls: Hypercalls, hvm: HvmHypercalls, frames: ForeignFrames) {
    this.#hypercalls = hypercalls;
    this.#hvm = hvm;
    this.#frames = frames;
  }

  /** Yields the stream in pieces. `progress` is told the share of the memory that is written, up to 1. Throws SaveError. */
  async *save(
    domid: number,
    version: { major: number; minor: number },
    progress: (share: number) => void,
  ): AsyncGenerator<Uint8Array> {
    if (!this.#hypercalls.domains.info(domid)) throw new SaveError("The domain is gone.");
    const context = this.#hvm.context(domid);
    const parameters = SAVED_PARAMETERS.map((index) => [index, this.#hvm.parameter(domid, index)] as const);
    // This is checked before the domain is given anything, since it would lack that when it continues.
    checkOnDemand(this.#hvm, domid);
    const { there, onDemand } = await ownedFrames(this.#hypercalls, this.#hvm, domid);
    // Mapping a frame for writing gives it its memory on demand. The reserve has enough for all of them.
    const gfns = [...there, ...onDemand].sort((a, b) => a - b);
    // Without them it could never be restored. The guest itself may have given their memory away.
    const missing = parameters.find(([, page]) => !gfns.includes(Number(page)));
    if (missing)
      throw new SaveError(
        `The guest has no memory any more where its ${missing[0] === HVM_PARAM_STORE_PFN ? "xenstore" : "console"} ring was, so it could not be restored.`,
      );
    yield stream.headers(version.major, version.minor, "pvh");
    yield policyRecord(this.#hypercalls, domid);
    yield stream.record(stream.REC_STATIC_DATA_END);
    for (let from = 0; from < gfns.length; from += BATCH) {
      yield this.#pages(domid, gfns.slice(from, from + BATCH));
      progress(Math.min(1, (from + BATCH) / gfns.length));
      // Lets others' events have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    yield stream.record(stream.REC_HVM_CONTEXT, context);
    const body = new DataView(new ArrayBuffer(8 + 16 * parameters.length));
    body.setUint32(0, parameters.length, true);
    parameters.forEach(([index, value], i) => {
      body.setBigUint64(8 + 16 * i, BigInt(index), true);
      body.setBigUint64(16 + 16 * i, BigInt(value), true);
    });
    yield stream.record(stream.REC_HVM_PARAMS, new Uint8Array(body.buffer));
    yield stream.record(stream.REC_END);
  }

  #pages(domid: number, gfns: number[]): Uint8Array {
    const { memory } = this.#hypercalls;
    return this.#frames.withAll(domid, gfns, (addresses) =>
      stream.pageRecord(
        memory,
        gfns.map((pfn, i) => ({ pfn, type: 0, address: addresses[i]! })),
      ),
    );
  }
}
