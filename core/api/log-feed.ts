/** The Xen log as clients receive it: new lines are collected and sent at most twenty times a second. */
import type { SerialOutput } from "../machine/serial-port.ts";
import type { Events, XenLogLine } from "./schema.ts";
import { MOST_LOG_LINES, XenLog } from "./xen-log.ts";

const TELL_MS = 50;

export class LogFeed {
  readonly #tell: (news: Events["xenLog"]) => void;
  #log = new XenLog();
  /** Lines that are still to be sent, and when. */
  #untold: XenLogLine[] = [];
  #telling: NodeJS.Timeout | null = null;

  constructor(tell: (news: Events["xenLog"]) => void) {
    this.#tell = tell;
  }

  /** What the hypervisor has printed since power-on. */
  get log(): XenLog {
    return this.#log;
  }

  /** Begins a new log, for a host that is powered on. */
  begin(): XenLog {
    return (this.#log = new XenLog());
  }

  /** Adds to `log`, because the serial port of a host that goes off may still have output when the next one is powered on. */
  add(log: XenLog, output: SerialOutput): void {
    const lines = log.add(output);
    if (!lines.length && !output.lost) return;
    this.#untold = [...this.#untold, ...lines].slice(-MOST_LOG_LINES);
    this.#telling ??= setTimeout(() => this.tell(), TELL_MS);
  }

  /** Returns the log so far, for a client that hears what follows. */
  attach(): Events["xenLog"] {
    this.tell();
    return { lines: [...this.#log.lines], lost: this.#log.lost };
  }

  /** Sends at once what is still to be sent. */
  tell(): void {
    if (this.#telling === null) return;
    clearTimeout(this.#telling);
    this.#telling = null;
    const lines = this.#untold;
    this.#untold = [];
    this.#tell({ lines, lost: this.#log.lost });
  }
}
