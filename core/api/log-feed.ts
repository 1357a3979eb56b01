/** The Xen log as clients hear it: its new lines are told together, at most twenty times a second. */
import type { SerialOutput } from "../machine/serial-port.ts";
import type { Events, XenLogLine } from "./schema.ts";
import { MOST_LOG_LINES, XenLog } from "./xen-log.ts";

const TELL_MS = 50;

export class LogFeed {
  readonly #tell: (news: Events["xenLog"]) => void;
  #log = new XenLog();
  /** Lines of it that are still to be told, and when. */
  #untold: XenLogLine[] = [];
  #telling: NodeJS.Timeout | null = null;

  constructor(tell: (news: Events["xenLog"]) => void) {
    this.#tell = tell;
  }

  /** What the hypervisor has printed since power-on. */
  get log(): XenLog {
    return this.#log;
  }

  /** A new log, for a host that is powered on. */
  begin(): XenLog {
    return (this.#log = new XenLog());
  }

  /** Into `log`: the serial port of a host that goes off may still speak when the next one is powered on. */
  add(log: XenLog, output: SerialOutput): void {
    const lines = log.add(output);
    if (!lines.length && !output.lost) return;
    this.#untold = [...this.#untold, ...lines].slice(-MOST_LOG_LINES);
    this.#telling ??= setTimeout(() => this.tell(), TELL_MS);
  }

  /** The log so far for who hears the news from then on. */
  attach(): Events["xenLog"] {
    this.tell();
    return { lines: [...this.#log.lines], lost: this.#log.lost };
  }

  /** Tells at once what is still to be told. */
  tell(): void {
    if (this.#telling === null) return;
    clearTimeout(this.#telling);
    this.#telling = null;
    const lines = this.#untold;
    this.#untold = [];
    this.#tell({ lines, lost: this.#log.lost });
  }
}
