/** What vCPUs of a domain that crashed were doing: read while it is held as it stopped, as its memory goes with it. */
import type { Inspection } from "./inspection.ts";
import type { KernelSymbols } from "./kernel-symbols.ts";
import type { RegistersReport } from "./report.ts";

/** Symbols are waited for so long, in milliseconds: a debug kernel's image takes a while to be read. */
const NAMES_MS = 2000;
/** A domain is held no longer than this before its on_crash is carried out. */
const MOST_MS = 3000;
/** Reports are kept of the latest domains that crashed, and of so many vCPUs each: about 10 KiB a vCPU. */
const MOST_DOMAINS = 64;
const MOST_VCPUS = 8;

export interface CrashesParts {
  inspection: Pick<Inspection, "registers">;
  symbols: Pick<KernelSymbols, "whenRead">;
  /** Highest number of a vCPU of the domain; null where there is none. */
  lastVcpu: (domid: number) => number | null;
}

export class Crashes {
  readonly #parts: CrashesParts;
  readonly #taken = new Map<number, Promise<RegistersReport[]>>();

  constructor(parts: CrashesParts) {
    this.#parts = parts;
  }

  /** The domain has crashed and is held. Resolves when it may go: never rejects, and takes MOST_MS at most. */
  take(domid: number): Promise<void> {
    const taken = this.#read(domid);
    this.#taken.delete(domid);
    this.#taken.set(domid, taken);
    for (const other of [...this.#taken.keys()].slice(0, -MOST_DOMAINS)) this.#taken.delete(other);
    return within(MOST_MS, taken);
  }

  /** Of each vCPU that was up; none of a domain that has not crashed, or too long ago. Waits while they are being read. */
  async of(domid: number): Promise<RegistersReport[]> {
    return (await this.#taken.get(domid)) ?? [];
  }

  /** Without names there are addresses alone. */
  async #read(domid: number): Promise<RegistersReport[]> {
    const { inspection, symbols, lastVcpu } = this.#parts;
    const found: RegistersReport[] = [];
    await within(NAMES_MS, symbols.whenRead(domid));
    const last = Math.min(lastVcpu(domid) ?? -1, MOST_VCPUS - 1);
    for (let vcpu = 0; vcpu <= last; vcpu++) {
      try {
        found.push(await inspection.registers({ domid, vcpu }));
      } catch {
        // It was never brought up, or somebody has destroyed the domain meanwhile: the others are what there is.
      }
    }
    return found;
  }
}

/** Resolves when `work` does, and after that time at the latest. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([work, late]);
  clearTimeout(timer);
}
