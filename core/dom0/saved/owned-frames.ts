/** Finds out which guest frames of a domain that numbers its frames itself have memory of the domain's own, or get it when they are first touched. */
import { MOST_GFNS } from "../builder/pvh/layout.ts";
import type { HvmHypercalls } from "../kernel/hvm.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { ALL_ZEROS, NOT_THE_DOMAINS } from "../kernel/page-types.ts";
import { SaveError } from "./p2m.ts";

/** How many frame numbers are asked for before the events of dom0 have their turn. */
const ASKED = 65536;

/** Both in ascending order. */
export interface OwnedFrames {
  /** Frames that have memory. */
  there: number[];
  /** Frames that have none yet and get it on demand. */
  onDemand: number[];
}

/** Asking does not give the domain memory. The domain stands still. Throws SaveError. */
export async function ownedFrames(hypercalls: Hypercalls, hvm: HvmHypercalls, domid: number): Promise<OwnedFrames> {
  const highest = hvm.highestFrame(domid);
  const end = Math.min(highest + 1, MOST_GFNS);
  const there: number[] = [];
  const onDemand: number[] = [];
  for (let from = 0; from < end; from += ASKED) {
    const asked = Uint32Array.from({ length: Math.min(ASKED, end - from) }, (_, i) => from + i);
    hypercalls.domains.pageTypes(domid, asked).forEach((type, i) => {
      if (type === ALL_ZEROS) onDemand.push(from + i);
      else if (type !== NOT_THE_DOMAINS) there.push(from + i);
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  // What is Xen's and shared with the guest may be anywhere, but memory of the domain's own must have been found. The domain's reserve counts as its
  // own.
  const pages = (hypercalls.domains.info(domid)?.totPages ?? 0) - hvm.onDemand(domid).reserve;
  if (highest >= MOST_GFNS && there.length < pages)
    throw new SaveError(
      `The guest has moved ${pages - there.length} pages of its memory to frames from ${MOST_GFNS} on; it can be written while they are below.`,
    );
  return { there, onDemand };
}
