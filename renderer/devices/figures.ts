/** The figures of rings and event channels as text. */
import type { EventPort } from "../../core/api/schema.ts";

export type RateUnit = "/s" | "B/s";

/** Returns the unit of the rate at which something goes through a ring or happens behind a device. */
export function rateUnit(unit: string): RateUnit {
  return unit === "bytes" ? "B/s" : "/s";
}

export function rateText(rate: number, unit: RateUnit = "/s"): string {
  if (!Number.isFinite(rate)) return "–";
  const [text, prefix] =
    rate >= 1e6 ? [(rate / 1e6).toFixed(1), "M"] : rate >= 1e3 ? [(rate / 1e3).toFixed(1), "k"] : [rate.toFixed(0), ""];
  return unit === "/s" ? `${text}${prefix}/s` : `${text} ${prefix}${unit}`;
}

/** XenbusState in public/io/xenbus.h. */
const XENBUS_STATES = [
  "Unknown",
  "Initialising",
  "InitWait",
  "Initialised",
  "Connected",
  "Closing",
  "Closed",
  "Reconfiguring",
  "Reconfigured",
];
export function xenbusState(state: string | null): string {
  if (state === null) return "none";
  return `${state}, ${XENBUS_STATES[Number(state)] ?? "no XenbusState"}`;
}
/** Returns the state's name with its number, such as "4 Connected". */
export function xenbusWord(state: string): string {
  return `${state} ${/^\d$/.test(state) ? (XENBUS_STATES[Number(state)] ?? "") : ""}`.trim();
}

const VIRQS: Record<number, string> = {
  0: "TIMER",
  1: "DEBUG",
  2: "CONSOLE",
  3: "DOM_EXC",
  4: "TBUF",
  6: "DEBUGGER",
  7: "XENOPROF",
  8: "CON_RING",
  9: "PCPU_STATE",
  10: "MEM_EVENT",
  11: "ARGO",
  12: "ENOMEM",
  13: "XENPMU",
};
function virqName(virq: number): string {
  return `VIRQ_${VIRQS[virq] ?? virq}`;
}

/** Who is at the other end of an event channel; null: nobody, or the domain itself. */
export function otherEndOf({
  virq,
  remoteDomid,
  remotePort,
}: Pick<EventPort, "virq" | "remoteDomid" | "remotePort">): string | null {
  if (virq !== null) return virqName(virq);
  if (remotePort !== null) return `domain ${remoteDomid}, port ${remotePort}`;
  return remoteDomid === null ? null : `for domain ${remoteDomid}`;
}

/** The bits of an event channel that are set. */
export function bitsOf({ pending, masked }: Pick<EventPort, "pending" | "masked">): string {
  return [pending && "pending", masked && "masked"].filter(Boolean).join(", ");
}
