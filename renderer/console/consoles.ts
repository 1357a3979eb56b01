/** A terminal per domain, alive as long as the domain is known: switching views loses nothing. */
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import type { Arguments, RequestName, Results } from "../../core/api/schema.ts";
import { withConstructedStyles } from "./constructed-styles.ts";

type Ask = <N extends RequestName>(name: N, args: Arguments<N>) => Promise<Results[N]>;

const SCROLLBACK_LINES = 10_000;

class DomainConsole {
  readonly terminal: Terminal;
  readonly fit = new FitAddon();
  readonly element = document.createElement("div");
  /** Stream offset of the next byte to show; Infinity until the snapshot has come. */
  shown = Infinity;
  #opened = false;

  constructor(send: (bytes: Uint8Array) => void) {
    this.element.className = "terminal-host";
    this.terminal = new Terminal({
      scrollback: SCROLLBACK_LINES,
      fontFamily: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace",
      fontSize: 13,
      cursorBlink: true,
      screenReaderMode: false,
      theme: { background: "#11151b", foreground: "#d8dee6", cursor: "#7fb4ff", selectionBackground: "#35506f" },
    });
    this.terminal.loadAddon(this.fit);
    const encoder = new TextEncoder();
    this.terminal.onData((text) => send(encoder.encode(text)));
    this.terminal.onBinary((text) => send(Uint8Array.from(text, (each) => each.charCodeAt(0))));
  }

  open(): void {
    if (this.#opened) return;
    this.#opened = true;
    withConstructedStyles(() => this.terminal.open(this.element));
  }
}

export class Consoles {
  readonly #ask: Ask;
  readonly #consoles = new Map<number, DomainConsole>();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Begins to follow a domain's console, its log first. */
  async attach(domid: number): Promise<void> {
    if (this.#consoles.has(domid)) return;
    const console = new DomainConsole((bytes) => {
      // A paste may be longer than one request.
      for (let at = 0; at < bytes.length; at += 32_768)
        void this.#ask("consoleInput", { domid, bytes: bytes.subarray(at, at + 32_768) }).catch(() => {});
    });
    this.#consoles.set(domid, console);
    try {
      const { log, end } = await this.#ask("consoleAttach", { domid });
      console.terminal.write(log);
      console.shown = end;
    } catch {
      // It has no console, or is gone already.
      this.#consoles.delete(domid);
    }
  }

  output(domid: number, bytes: Uint8Array, offset: number): void {
    const console = this.#consoles.get(domid);
    if (!console || offset + bytes.length <= console.shown) return;
    console.terminal.write(bytes.subarray(Math.max(0, console.shown - offset)));
    console.shown = offset + bytes.length;
  }

  /** Puts the domain's terminal into `parent` until the returned function is called. */
  show(domid: number, parent: HTMLElement): () => void {
    let console = this.#consoles.get(domid);
    if (!console) {
      void this.attach(domid);
      console = this.#consoles.get(domid)!;
    }
    const { element, terminal, fit } = console;
    parent.append(element);
    console.open();
    const resize = new ResizeObserver(() => {
      if (element.clientWidth) fit.fit();
    });
    resize.observe(parent);
    fit.fit();
    terminal.focus();
    return () => {
      resize.disconnect();
      element.remove();
    };
  }

  /** What is selected in the domain's terminal, or else all its text. */
  text(domid: number): string {
    const terminal = this.#consoles.get(domid)?.terminal;
    if (!terminal) return "";
    if (terminal.hasSelection()) return terminal.getSelection();
    terminal.selectAll();
    const all = terminal.getSelection();
    terminal.clearSelection();
    return all;
  }
  clearScreen(domid: number): void {
    this.#consoles.get(domid)?.terminal.clear();
  }

  /** Another power cycle: the numbers mean other domains. */
  clear(): void {
    for (const { terminal } of this.#consoles.values()) terminal.dispose();
    this.#consoles.clear();
  }
}
