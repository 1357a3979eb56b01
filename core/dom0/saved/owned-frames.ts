/** Which guest frames of a domain that numbers its frames itself have memory of its own behind them. */
import type { HvmHypercalls } from "../kernel/hvm.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { NOT_THE_DOMAINS } from "../kernel/page-types.ts";
import { SaveError } from "./p2m.ts";
import { MOST_PFNS } from "./tables.ts";

/** Frame numbers asked for before dom0's events have their turn. */
const ASKED = 65536;

/** In ascending order. The domain stands still. Throws SaveError. */
export async function ownedFrames(hypercalls: Hypercalls, hvm: HvmHypercalls, domid: number): Promise<number[]> {
  const highest = hvm.highestFrame(domid);
  const end = Math.min(highest + 1, MOST_PFNS);
  const gfns: number[] = [];
  for (let from = 0; from < end; from += ASKED) {
    const asked = Uint32Array.from({ length: Math.min(ASKED, end - from) }, (_, i) => from + i);
    hypercalls.domains.pageTypes(domid, asked).forEach((type, i) => {
      if (type !== NOT_THE_DOMAINS) gfns.push(from + i);
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  // What is Xen's and shared with the guest may be anywhere; memory of its own would be missing.
  const pages = hypercalls.domains.info(domid)?.totPages ?? 0;
  if (highest >= MOST_PFNS && gfns.length < pages)
    throw new SaveError(
      `The guest has moved ${pages - gfns.length} pages of its memory to frames from ${MOST_PFNS} on; it can be written while they are below.`,
    );
  return gfns;
}
