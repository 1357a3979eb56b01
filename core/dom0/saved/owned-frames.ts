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
  const end = hvm.highestFrame(domid) + 1;
  if (end > MOST_PFNS)
    throw new SaveError(
      `The guest has had memory at its frame ${end - 1}; domains with frames below ${MOST_PFNS} can be saved.`,
    );
  const gfns: number[] = [];
  for (let from = 0; from < end; from += ASKED) {
    const asked = Uint32Array.from({ length: Math.min(ASKED, end - from) }, (_, i) => from + i);
    hypercalls.domains.pageTypes(domid, asked).forEach((type, i) => {
      if (type !== NOT_THE_DOMAINS) gfns.push(from + i);
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  return gfns;
}
