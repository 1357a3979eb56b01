/** One terminal per domain, kept as long as the domain is known, so that nothing is lost when the view changes or the domain ends. */
import type { Arguments, RequestName, Results } from "../../core/api/schema.ts";
import { DomainTerminal, type TerminalKeys } from "./terminal.ts";

/**
 * The largest number of bytes that may be given to a terminal before it has shown them. A window in the background shows little, a guest may write
 * all the time, and xterm.js throws at 50 MB. What exceeds this is not lost, because the host keeps as much.
 */
const MOST_WAITING = 1 << 20;

type Ask = <N extends RequestName>(name: N, args: Arguments<N>) => Promise<Results[N]>;

export class Consoles {
  readonly #ask: Ask;
  readonly #consoles = new Map<number, DomainTerminal>();
  #fontSize = 13;
  /** Returns what the application's keys do in that domain's terminal. */
  keys: (domid: number) => TerminalKeys = () => ({ copy: () => {}, leave: () => {} });

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Starts to follow a domain's console, beginning with its log. */
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
      // The domain has no console, or is gone already.
      this.#consoles.delete(domid);
    }
  }

  /** Called after a new connection to the same host. It shows what was written in the meantime. */
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

  /** Takes nothing more until everything given so far has been shown, then continues with what the host has kept. */
  async #catchUp(domid: number, console: DomainTerminal): Promise<void> {
    console.isBehind = true;
    await console.allShown();
    // In the meantime the domain may have gone, or another power cycle may have begun.
    await this.#follow(domid, console).catch(() => {});
    console.isBehind = false;
  }

  /** Returns the domain's terminal, and follows the console from now on if it was not followed yet. */
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

  /** Called at another power cycle, when the same domids mean other domains. */
  clear(): void {
    for (const { terminal } of this.#consoles.values()) terminal.dispose();
    this.#consoles.clear();
  }
}
