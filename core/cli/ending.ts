/** How a guest ended, in words for whoever ran it, even if it printed nothing. */
import type { DomainStopped, ShutdownReason } from "../toolstack/messages.ts";

const WORDS: Record<ShutdownReason, string> = {
  poweroff: "powered itself off",
  reboot: "asked for a reboot",
  suspend: "suspended itself",
  crash: "crashed",
  watchdog: "was ended by its watchdog, which it had not set again in time",
  soft_reset: "asked for a soft reset",
  unknown: "shut itself down for a reason that Xen does not know",
};

/** Bytes of the end of Xen's log that are kept. */
const KEPT_BYTES = 16_384;
const MOST_LINES = 30;

/** The end of Xen's log, as the serial port shows it. */
export class XenLogTail {
  #text = "";

  add(pieces: readonly { bytes: Uint8Array }[]): void {
    this.#text += Buffer.concat(pieces.map(({ bytes }) => bytes)).toString("latin1");
    if (this.#text.length > 2 * KEPT_BYTES) this.#text = this.#text.slice(-KEPT_BYTES);
  }

  /** Returns what Xen said when the domain crashed: its registers, and the lines before them that say why. */
  about(domid: number): string[] {
    const lines = this.#text.split(/\r?\n/).filter((line) => line !== "");
    const crash = lines.findLastIndex((line) => line.startsWith(`(XEN) Domain ${domid} (vcpu#`));
    if (crash < 0) return [];
    let from = crash;
    while (from > 0 && lines[from - 1]!.startsWith(`(XEN) d${domid}v`)) from--;
    return lines.slice(from, from + MOST_LINES);
  }
}

/** `seconds` is the time since it was started, `printed` the number of bytes on its console. */
export function endingText(
  { name, domid, reason, code }: DomainStopped,
  seconds: number,
  printed: number,
  log: XenLogTail,
): string {
  const silence = printed ? "" : " It printed nothing on its console.";
  const said = reason === "crash" ? log.about(domid) : [];
  const told = said.length ? ` Xen's log says:\n${said.join("\n")}` : "";
  return `${name} ${WORDS[reason]}${reason === "unknown" ? ` (${code})` : ""} after ${seconds.toFixed(1)} s.${silence}${told}`;
}
