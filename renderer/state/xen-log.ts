/** The Xen log as this window has it. It is bounded, and its lines are numbered since power-on. */
import type { Events, XenLogLine } from "../../core/api/schema.ts";

const MOST_LINES = 8192;
/** The levels of lines; "none" where Xen gives none. */
export const LEVEL_IDS = ["error", "warning", "info", "debug", "none"] as const;
export type LevelId = (typeof LEVEL_IDS)[number];

export interface XenLogState {
  /** The number of the first line that is kept. */
  first: number;
  lines: readonly XenLogLine[];
  /** How many pieces were lost because they came faster than they could be read. */
  lost: number;
}

export interface ShownLine {
  number: number;
  line: XenLogLine;
}

export const NO_LOG: XenLogState = { first: 0, lines: [], lost: 0 };

export function withMore({ first, lines }: XenLogState, more: Events["xenLog"]): XenLogState {
  const all = [...lines, ...more.lines];
  const gone = Math.max(0, all.length - MOST_LINES);
  return { first: first + gone, lines: gone ? all.slice(gone) : all, lost: more.lost };
}

/** Returns the lines of the levels that are not hidden. */
export function shownLines({ first, lines }: XenLogState, hidden: readonly LevelId[]): ShownLine[] {
  const shown: ShownLine[] = [];
  lines.forEach((line, i) => {
    if (!hidden.includes(line.level ?? "none")) shown.push({ number: first + i, line });
  });
  return shown;
}

export function countByLevel(lines: readonly XenLogLine[]): Record<LevelId, number> {
  const counts = { error: 0, warning: 0, info: 0, debug: 0, none: 0 };
  for (const { level } of lines) counts[level ?? "none"]++;
  return counts;
}

/** Seconds since power-on, as Xen's console_timestamps=boot writes them. */
export function timeText(line: XenLogLine): string {
  return `[${(line.time / 1e9).toFixed(6).padStart(12)}]`;
}

/** The text for a file or the clipboard. */
export function logText(lines: readonly XenLogLine[], times = false): string {
  return lines.map((line) => `${times ? `${timeText(line)} ` : ""}${line.text}\n`).join("");
}
