/** A terminal per domain, alive as long as the domain is known: switching views, and the domain's end, lose nothing. */
import type { Arguments, RequestName, Results } from "../../core/api/schema.ts";
import { DomainTerminal, type TerminalKeys } from "./terminal.ts";

/**
 * Bytes given to a terminal that it has not shown yet, at most: a window in the background shows little, a guest may write all the time, and
 * xterm.js throws at 50 MB. What is more is not lost: the host keeps as much.
 */
const MOST_WAITING = 1 << 20;

type Ask = <N extends RequestName>(name: N, args: Arguments<N>) => Promise<Results[N]>;

export class Consoles {
  readonly #ask: Ask;
  readonly #consoles = new Map<number, DomainTerminal>();
  #fontSize = 13;
  /** What the application's keys do in the terminal of that domain. */
  keys: (domid: number) => TerminalKeys = () => ({ copy: () => {}, leave: () => {} });

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Begins to follow a domain's console, its log first. */
  async attach(domid: number): Promise<void> {
    if (this.#consoles.has(domid)) return;
    const console = new DomainTerminal(
      (bytes) => this.#ask("consoleInput", { domid, bytes }),
      this.#fontSize,
      this.keys(domid),
    );
    this.#consoles.set(domid, console);
    try {
      await this.#follow(domid, console);
    } catch {
      // It has no console, or is gone already.
      this.#consoles.delete(domid);
    }
  }

  /** Over another connection to the same host: what was written meanwhile is shown. */
  async attachAgain(): Promise<void> {
    await Promise.all([...this.#consoles].map(([domid, console]) => this.#follow(domid, console).catch(() => {})));
  }

  async #follow(domid: number, console: DomainTerminal): Promise<void> {
    const { log, end } = await this.#ask("consoleAttach", { domid });
    const begins = end - log.length;
    const shown = console.shown === Infinity ? begins : console.shown;
    if (shown < begins) console.tellGap(begins - shown);
    console.write(log.subarray(Math.max(0, shown - begins)));
    console.shown = Math.max(end, shown);
  }

  output(domid: number, bytes: Uint8Array, offset: number): void {
    const console = this.#consoles.get(domid);
    if (!console || console.isBehind || offset + bytes.length <= console.shown) return;
    if (console.waiting + bytes.length > MOST_WAITING) {
      void this.#catchUp(domid, console);
      return;
    }
    console.write(bytes.subarray(Math.max(0, console.shown - offset)));
    console.shown = offset + bytes.length;
  }

  /** Takes nothing more until all that was given is shown, then goes on with what the host has kept. */
  async #catchUp(domid: number, console: DomainTerminal): Promise<void> {
    console.isBehind = true;
    await console.allShown();
    // Gone, or another power cycle's, meanwhile.
    await this.#follow(domid, console).catch(() => {});
    console.isBehind = false;
  }

  /** The domain's terminal; followed from now on if it was not. */
  of(domid: number): DomainTerminal {
    const known = this.#consoles.get(domid);
    if (known) return known;
    void this.attach(domid);
    return this.#consoles.get(domid)!;
  }

  set fontSize(pixels: number) {
    this.#fontSize = pixels;
    for (const console of this.#consoles.values()) console.setFontSize(pixels);
  }

  /** Another power cycle: the numbers mean other domains. */
  clear(): void {
    for (const { terminal } of this.#consoles.values()) terminal.dispose();
    this.#consoles.clear();
  }
}
