/** What one ring of a backend uses: the frontend's ring pages, mapped, and its event channel, bound. */
import type { EventChannels } from "../kernel/events.ts";
import type { GrantMap, MappedGrant } from "../kernel/grants.ts";

export class Channel {
  readonly pages: readonly MappedGrant[];
  readonly port: number;
  readonly #events: EventChannels;
  readonly #grants: GrantMap;
  #open = true;

  /** Throws GrantError or HypercallError, and then nothing is left mapped or bound. */
  constructor(
    { events, grants }: { events: EventChannels; grants: GrantMap },
    domid: number,
    refs: readonly number[],
    remotePort: number,
    onEvent: () => void,
  ) {
    this.#events = events;
    this.#grants = grants;
    this.pages = grants.mapAll(domid, refs);
    try {
      this.port = events.bindInterdomain(domid, remotePort, onEvent);
    } catch (error) {
      grants.unmapAll(this.pages);
      throw error;
    }
  }

  /** Machine addresses. */
  get addresses(): number[] {
    return this.pages.map(({ address }) => address);
  }

  notify(): void {
    if (this.#open) this.#events.notify(this.port);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#events.close(this.port);
    this.#grants.unmapAll(this.pages);
  }
}
