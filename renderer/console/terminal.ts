/** The terminal of one domain: xterm.js with search, drawing by WebGL where possible, and the keys that the application handles. */
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon, type ISearchOptions } from "@xterm/addon-search";
import { Terminal } from "@xterm/xterm";
import { withConstructedStyles } from "./constructed-styles.ts";
import { drawByGpu } from "./gpu.ts";
import { MarkFilter } from "./marks.ts";
import { THEME } from "./theme.ts";
import { Typist, type Send } from "./typist.ts";

const SCROLLBACK_LINES = 10_000;
const MATCHES: ISearchOptions["decorations"] = {
  matchBackground: "#5c4b12",
  matchOverviewRuler: "#c9a227",
  activeMatchBackground: "#7a5200",
  activeMatchBorder: "#ffd75f",
  activeMatchColorOverviewRuler: "#ffd75f",
};

/** An answer of the terminal to a guest's question. */
const REPORT = /^\x1b(\[[\d;?>=$]*[Rcntuy]$|[\]P])/;
/** How many bytes may wait to be typed when another answer is still sent. What the user types comes after them. */
const MOST_REPORTS = 1024;

/** The size that a guest assumes for a terminal that does not report one. */
export const SERIAL = { cols: 80, rows: 24 };
/** The smallest size of letters that are scaled. */
const LEAST_FONT = 6;
const MOST_FONT = 32;
/** "fit" means as many columns and lines as there is room for, which the guest does not learn by itself. "serial" means 80 by 24. */
export type ConsoleSize = "fit" | "serial";

export interface SearchFor {
  text: string;
  caseSensitive: boolean;
  regex: boolean;
}
export interface Found {
  /** Counted from 0. It is -1 when there are no matches, or more than are counted. */
  index: number;
  count: number;
}

/** The application's keys in the terminal. The terminal's owner decides what they do. */
export interface TerminalKeys {
  copy(): void;
  /** Ctrl+] leaves the console, as in xl console. */
  leave(): void;
}

export class DomainTerminal {
  readonly terminal: Terminal;
  readonly element = document.createElement("div");
  /** The stream offset of the next byte to show. It is Infinity until the snapshot has arrived. */
  shown = Infinity;
  /** How many bytes the terminal was given and has not shown yet. */
  waiting = 0;
  /** Set when the owner gives the terminal nothing more until it has shown what it has. */
  isBehind = false;
  onFound: (found: Found) => void = () => {};
  onTyping: (waiting: number) => void = () => {};
  onSize: (size: { cols: number; rows: number }) => void = () => {};
  #fontSize: number;
  #size: ConsoleSize = "fit";
  readonly #typist: Typist;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  readonly #encoder = new TextEncoder();
  readonly #marks = new MarkFilter();
  #opened = false;

  constructor(send: Send, fontSize: number, keys: TerminalKeys) {
    this.#fontSize = fontSize;
    this.element.className = "terminal-host";
    this.#typist = new Typist(send, (waiting) => this.onTyping(waiting));
    this.terminal = new Terminal({
      scrollback: SCROLLBACK_LINES,
      fontFamily: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace",
      fontSize,
      cursorBlink: true,
      screenReaderMode: false,
      // Search matches are marked with decorations, which xterm.js still counts as proposed API.
      allowProposedApi: true,
      theme: THEME,
      // xterm.js logs invalid sequences. They are the guest's affair, and there may be millions.
      logLevel: "off",
      // A guest can write any link, so links are never followed, not even after a question.
      linkHandler: { activate: () => {} },
    });
    this.terminal.loadAddon(this.#fit);
    this.terminal.loadAddon(this.#search);
    boundCounts(this.terminal);
    this.terminal.onData((text) => {
      if (REPORT.test(text) && this.#typist.waiting >= MOST_REPORTS) return;
      this.#typist.type(this.#encoder.encode(text));
    });
    this.terminal.onBinary((text) => this.#typist.type(Uint8Array.from(text, (each) => each.charCodeAt(0))));
    this.terminal.attachCustomKeyEventHandler((event) => this.#mayHandle(event, keys));
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) =>
      this.onFound({ index: resultIndex, count: resultCount }),
    );
  }

  #mayHandle(event: KeyboardEvent, keys: TerminalKeys): boolean {
    if (event.type !== "keydown" || !event.ctrlKey || event.altKey || event.metaKey) return true;
    const does =
      !event.shiftKey && event.code === "BracketRight"
        ? keys.leave
        : event.shiftKey && event.code === "KeyC"
          ? keys.copy
          : null;
    if (!does) return !(event.shiftKey && event.code === "KeyV");
    event.preventDefault();
    does();
    return false;
  }

  write(bytes: Uint8Array): void {
    this.waiting += bytes.length;
    this.terminal.write(this.#marks.pass(bytes), () => (this.waiting -= bytes.length));
  }
  allShown(): Promise<void> {
    return new Promise((resolve) => this.terminal.write("", resolve));
  }
  /** Writes this in a line of its own and in plain letters, whatever style the guest has set. */
  tellGap(bytes: number): void {
    const text = `${bytes} bytes came faster than this window shows them and are not shown`;
    this.write(this.#encoder.encode(`\x18\x1b[!p\x1b[0m\r\n[${text}]\r\n`));
  }

  /** Puts the terminal into `parent` until the returned function is called. */
  show(parent: HTMLElement): () => void {
    parent.append(this.element);
    if (!this.#opened) {
      this.#opened = true;
      withConstructedStyles(() => this.terminal.open(this.element));
    }
    const stopDrawing = drawByGpu(this.terminal);
    const resize = new ResizeObserver(() => this.fit());
    resize.observe(parent);
    this.fit();
    this.terminal.focus();
    return () => {
      resize.disconnect();
      stopDrawing();
      this.element.remove();
    };
  }
  /** Gives the terminal the size chosen for it: as many lines as there is room for, or 80 by 24 in letters as large as there is room for. */
  fit(): void {
    if (!this.element.clientWidth) return;
    const { terminal } = this;
    terminal.options.fontSize = this.#fontSize;
    if (this.#size === "fit") this.#fit.fit();
    else {
      const room = this.#fit.proposeDimensions();
      if (room) {
        const scale = Math.min(room.cols / SERIAL.cols, room.rows / SERIAL.rows);
        terminal.options.fontSize = Math.max(LEAST_FONT, Math.min(MOST_FONT, Math.floor(this.#fontSize * scale)));
      }
      terminal.resize(SERIAL.cols, SERIAL.rows);
    }
    this.onSize({ cols: terminal.cols, rows: terminal.rows });
  }
  setFontSize(pixels: number): void {
    this.#fontSize = pixels;
    this.fit();
  }
  setSize(size: ConsoleSize): void {
    this.#size = size;
    this.fit();
  }

  /** Pastes as a terminal does: in brackets if the guest asked for them, so that its shell does not run each line. */
  paste(text: string): void {
    this.terminal.paste(text);
  }
  /** Whether the guest's program distinguishes pasted text from typed text. */
  get brackets(): boolean {
    return this.terminal.modes.bracketedPasteMode;
  }
  /** Sends the text as if it had been typed. */
  typeText(text: string): void {
    this.#typist.type(this.#encoder.encode(text.replace(/\r?\n/g, "\r")));
  }
  cancelTyping(): void {
    this.#typist.cancel();
  }

  find(what: SearchFor, direction: "next" | "previous" | "here"): void {
    if (!what.text || (what.regex && !isRegex(what.text))) {
      this.endSearch();
      this.onFound({ index: -1, count: 0 });
      return;
    }
    const { text, caseSensitive, regex } = what;
    const options = { caseSensitive, regex, decorations: MATCHES!, incremental: direction === "here" };
    const found =
      direction === "next" ? this.#search.findNext(text, options) : this.#search.findPrevious(text, options);
    // Without this, the search addon would go on counting the previous matches.
    if (!found) {
      this.endSearch();
      this.onFound({ index: -1, count: 0 });
    }
  }
  endSearch(): void {
    this.#search.clearDecorations();
  }

  /** Returns the selected text, or the whole text if nothing is selected. */
  text(): string {
    const { terminal } = this;
    if (terminal.hasSelection()) return terminal.getSelection();
    terminal.selectAll();
    const all = terminal.getSelection();
    terminal.clearSelection();
    return all;
  }
}

/** The final characters (with the characters before them) of the sequences that xterm.js repeats as often as their number says, up to 2^31 times. */
const COUNTED = [
  ...["b", "@", "P", "X", "L", "M", "S", "T", "I", "Z"].map((final) => ({ final })),
  ...["}", "~"].map((final) => ({ intermediates: "'", final })),
  ...["@", "A"].map((final) => ({ intermediates: " ", final })),
];
/** The largest number that a program has a use for, since no terminal has more columns or lines. */
const MOST_COUNT = 1024;

/** Ignores sequences whose number would stop the whole window while it is counted down, or would need gigabytes. */
function boundCounts(terminal: Terminal): void {
  for (const id of COUNTED)
    terminal.parser.registerCsiHandler(id, ([first]) => (Array.isArray(first) ? first[0]! : (first ?? 0)) > MOST_COUNT);
}

function isRegex(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
