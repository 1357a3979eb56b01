/** Domains that have ended and can be started again: what they were created from, bounded. The latest are kept. */
import { Refusal } from "./error.ts";
import type { CreateOptions, DomainConfig } from "./messages.ts";

const MOST_DOMAINS = 64;
/** Of files that were given with them; files on disk are read again. */
const MOST_BYTES = 256 * 2 ** 20;

export interface EndedDomain {
  domid: number;
  /** With the name that it had last. */
  config: DomainConfig;
  options: CreateOptions;
}

const bytesOf = ({ options }: EndedDomain): number =>
  Object.values(options.files ?? {}).reduce((sum, bytes) => sum + bytes.length, 0);

export class EndedDomains {
  readonly #kept = new Map<number, EndedDomain>();
  #bytes = 0;

  add(ended: EndedDomain): void {
    this.remove(ended.domid);
    this.#kept.set(ended.domid, ended);
    this.#bytes += bytesOf(ended);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MOST_DOMAINS && this.#bytes <= MOST_BYTES) break;
      this.remove(oldest);
    }
  }

  remove(domid: number): void {
    const found = this.#kept.get(domid);
    if (!found) return;
    this.#kept.delete(domid);
    this.#bytes -= bytesOf(found);
  }

  /** Throws Refusal ESRCH when it is not kept. */
  get(domid: number): EndedDomain {
    const found = this.#kept.get(domid);
    if (found) return found;
    throw new Refusal(
      "ESRCH",
      `Domain ${domid} can't be started again: of the domains that have ended since power-on the last ${MOST_DOMAINS} are kept, with up to ${MOST_BYTES / 2 ** 20} MiB of files. Create it anew.`,
    );
  }
}
