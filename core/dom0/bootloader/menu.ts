/** The boot menu on a terminal: entries, arrow keys, Enter, and a countdown after which the default is booted. */
import type { BootList } from "./entries.ts";

export interface Terminal {
  write(text: string): void;
  /** Passes what is typed from now on to the listener; null: to nobody. */
  listen(listener: ((bytes: Uint8Array) => void) | null): void;
}

/** The number of entries that are shown at once. */
const ROWS = 12;
const COLUMNS = 72;
const [UP, DOWN, ENTER] = [/^(\x1b[[O]A|k|\x10)$/, /^(\x1b[[O]B|j|\x0e)$/, /^[\r\n]$/];

/** Returns the index of the chosen entry; the default if nobody types anything for `timeout` seconds. Rejects with the signal's reason. */
export function chooseEntry(list: BootList, terminal: Terminal, wanted: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    let chosen = list.default;
    let left: number | null = list.timeout ?? 0;
    let lines = 0;
    const draw = (): void => {
      const text = screen(list, chosen, left);
      terminal.write(`${lines > 0 ? `\x1b[${lines}A\r\x1b[J` : ""}${text}`);
      lines = text.split("\n").length - 1;
    };
    const end = (result: () => void): void => {
      if (timer !== null) clearInterval(timer);
      terminal.listen(null);
      wanted.removeEventListener("abort", abort);
      result();
    };
    const boot = (): void => {
      terminal.write(`\r\nBooting ${printable(list.entries[chosen]!.title)}\r\n`);
      end(() => resolve(chosen));
    };
    const abort = (): void => end(() => reject(wanted.reason as Error));
    let timer: NodeJS.Timeout | null = setInterval(() => {
      left!--;
      if (left! <= 0) boot();
      else terminal.write(`\x1b[1A\r\x1b[K${advice(left)}\r\n`);
    }, 1000);
    terminal.listen((bytes) => {
      for (const [key] of Buffer.from(bytes)
        .toString("latin1")
        .matchAll(/\x1b[[O][A-D]|[^]/g)) {
        // Once the user types, the countdown ends.
        if (timer !== null) clearInterval(timer);
        timer = null;
        left = null;
        if (ENTER.test(key)) return boot();
        if (UP.test(key)) chosen = Math.max(0, chosen - 1);
        if (DOWN.test(key)) chosen = Math.min(list.entries.length - 1, chosen + 1);
      }
      draw();
    });
    wanted.addEventListener("abort", abort);
    if (wanted.aborted) return abort();
    terminal.write(`\r\n${printable(list.source)}\r\n\r\n`);
    draw();
  });
}

function screen({ entries }: BootList, chosen: number, left: number | null): string {
  const first = Math.max(0, Math.min(chosen - ROWS + 2, entries.length - ROWS));
  const rows = entries.slice(first, first + ROWS).map(({ title }, i) => {
    const text = ` ${first + i === chosen ? "*" : " "}${printable(title)} `;
    return first + i === chosen ? `\x1b[7m${text}\x1b[0m` : text;
  });
  return `${[...rows, "", advice(left)].join("\r\n")}\r\n`;
}

/** `left` is in seconds; null when there is no countdown. */
function advice(left: number | null): string {
  const keys = "Arrow keys choose, Enter boots.";
  return left === null ? keys : `${keys} The marked entry is booted in ${left} s.`;
}

/** A title comes from the disk. No part of it may act as a command of the terminal. */
function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?").slice(0, COLUMNS);
}
