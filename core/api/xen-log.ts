/** The Xen log since power-on, line by line, as the serial port delivered it. It is bounded, and has the level that Xen gave to each line. */
import { LOG_DOMAIN, LOG_DOMAIN_BYTES, LOG_GUEST, LOG_LEVEL_MASK, LOG_NO_LEVEL } from "../hypervisor/abi/log.ts";
import type { SerialOutput, SerialPiece } from "../machine/serial-port.ts";
import type { XenLogLine } from "./schema.ts";

/** What is kept of it: the number of lines, and of characters in all of them. */
export const MOST_LOG_LINES = 8192;
const MOST_CHARACTERS = 512 * 1024;
const MOST_BOOT_CHARACTERS = 64 * 1024;
/** A line of bytes that does not end is cut after so many. */
const MOST_LINE = 1024;
const LEVELS = ["error", "warning", "info", "debug"] as const;

const latin1 = new TextDecoder("latin1");

export class XenLog {
  #lines: XenLogLine[] = [];
  #characters = 0;
  #lost = 0;
  /** What the hardware domain has written of an incomplete line. */
  #begun = "";
  /** The beginning of the log, with the number of bytes that the port had been given by each piece. */
  #boot: { text: string; end: number }[] = [];
  #bootCharacters = 0;

  /** The lines that are kept, the oldest first. */
  get lines(): readonly XenLogLine[] {
    return this.#lines;
  }

  /** Number of pieces that came faster than they were read. */
  get lost(): number {
    return this.#lost;
  }

  /** Adds what the port delivered. Returns the lines that it has completed. */
  add({ pieces, lost }: SerialOutput): XenLogLine[] {
    this.#lost += lost;
    const added = pieces.flatMap((piece, i) => {
      const text = latin1.decode(piece.bytes);
      this.#keepBoot(text, piece.end);
      // Where pieces are missing, what follows is not the rest of a line.
      const cut = i === 0 && lost ? this.#flush(piece) : [];
      return [...cut, ...(piece.kind === LOG_DOMAIN_BYTES ? this.#bytes(text, piece) : this.#line(text, piece))];
    });
    for (const { text } of added) this.#characters += text.length;
    this.#lines.push(...added);
    let gone = Math.max(0, this.#lines.length - MOST_LOG_LINES);
    for (let i = 0; i < this.#lines.length && (i < gone || this.#characters > MOST_CHARACTERS); i++) {
      this.#characters -= this.#lines[i]!.text.length;
      gone = Math.max(gone, i + 1);
    }
    if (gone) this.#lines.splice(0, gone);
    return added;
  }

  /** Returns what was printed between two counts of the port's bytes, as long as the log was short. */
  bootText(from: number, to: number): string {
    return this.#boot
      .filter(({ end }) => end > from && end <= to)
      .map(({ text }) => text)
      .join("");
  }

  #keepBoot(text: string, end: number): void {
    this.#bootCharacters += text.length;
    if (this.#bootCharacters <= MOST_BOOT_CHARACTERS) this.#boot.push({ text, end });
  }

  /** Adds a line that the hypervisor has written whole. */
  #line(text: string, piece: SerialPiece): XenLogLine[] {
    return [...this.#flush(piece), toLine(text.replace(/\r?\n$/, ""), piece)];
  }

  /** Adds bytes of the hardware domain, which line feeds divide into lines. */
  #bytes(text: string, piece: SerialPiece): XenLogLine[] {
    const parts = (this.#begun + text).split(/\r?\n/);
    this.#begun = parts.pop()!;
    const whole = parts.map((part) => toLine(part.slice(0, MOST_LINE), piece));
    return this.#begun.length < MOST_LINE ? whole : [...whole, ...this.#flush(piece)];
  }

  #flush(piece: SerialPiece): XenLogLine[] {
    if (!this.#begun) return [];
    const line = toLine(this.#begun, { ...piece, kind: LOG_DOMAIN_BYTES });
    this.#begun = "";
    return [line];
  }
}

function toLine(text: string, { kind, time }: SerialPiece): XenLogLine {
  return {
    text,
    level: kind & LOG_NO_LEVEL ? null : LEVELS[kind & LOG_LEVEL_MASK]!,
    origin: kind & LOG_DOMAIN ? "domain" : kind & LOG_GUEST ? "guest" : "xen",
    time,
  };
}
