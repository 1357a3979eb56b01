/** What the vCPUs of a domain that crashed were doing. It is read while the domain is held as it stopped, because its memory is freed with it. */
import type { Inspection } from "./inspection.ts";
import type { KernelSymbols } from "./kernel-symbols.ts";
import type { RegistersReport } from "./report.ts";

/** How long symbols are waited for, in milliseconds. It takes a while to read the image of a debug kernel. */
const NAMES_MS = 2000;
/** A domain is held no longer than this before its on_crash is carried out. */
const MOST_MS = 3000;
/** Reports are kept of the latest domains that crashed, and of this many vCPUs of each: about 10 KiB for each vCPU. */
const MOST_DOMAINS = 64;
const MOST_VCPUS = 8;

export interface CrashesParts {
  inspection: Pick<Inspection, "registers">;
  symbols: Pick<KernelSymbols, "whenRead">;
  /** Returns the highest number of a vCPU of the domain, or null if there is no vCPU. */
  lastVcpu: (domid: number) => number | null;
}

export class Crashes {
  readonly #parts: CrashesParts;
  readonly #taken = new Map<number, Promise<RegistersReport[]>>();

  constructor(parts: CrashesParts) {
    this.#parts = parts;
  }

  /** The domain has crashed and is held. Resolves when it may go. It never rejects, and takes MOST_MS at most. */
  take(domid: number): Promise<void> {
    const taken = this.#read(domid);
    this.#taken.delete(domid);
    this.#taken.set(domid, taken);
    for (const other of [...this.#taken.keys()].slice(0, -MOST_DOMAINS)) this.#taken.delete(other);
    return within(MOST_MS, taken);
  }

  /**
   * Returns a report of each vCPU that was up. There are none for a domain that has not crashed, or crashed too long ago. Waits while they are being
   * read.
   */
  async of(domid: number): Promise<RegistersReport[]> {
    return (await this.#taken.get(domid)) ?? [];
  }

  /** Without names there are only addresses. */
  async #read(domid: number): Promise<RegistersReport[]> {
    const { inspection, symbols, lastVcpu } = this.#parts;
    const found: RegistersReport[] = [];
    await within(NAMES_MS, symbols.whenRead(domid));
    const last = Math.min(lastVcpu(domid) ?? -1, MOST_VCPUS - 1);
    for (let vcpu = 0; vcpu <= last; vcpu++) {
      try {
        found.push(await inspection.registers({ domid, vcpu }));
      } catch {
        // The vCPU was never brought up, or somebody has destroyed the domain meanwhile. The other reports are all there is.
      }
    }
    return found;
  }
}

/** Resolves when `work` does, and at the latest after that time. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([work, late]);
  clearTimeout(timer);
}
