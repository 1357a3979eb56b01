/** Where a text stands in lines of the log, whatever its case. */
import type { ShownLine } from "../../state/xen-log.ts";

/** A place: the line's number, and the character of its text. */
export interface Hit {
  number: number;
  at: number;
}

export function findHits(lines: readonly ShownLine[], wanted: string): Hit[] {
  const text = wanted.toLowerCase();
  if (!text) return [];
  return lines.flatMap(({ number, line }) => placesIn(line.text, text).map((at) => ({ number, at })));
}

/** `wanted` in small letters. Latin letters alone: their case does not change the length. */
export function placesIn(text: string, wanted: string): number[] {
  const places: number[] = [];
  const within = text.toLowerCase();
  for (let at = within.indexOf(wanted); at >= 0; at = within.indexOf(wanted, at + wanted.length)) places.push(at);
  return places;
}

/** Index of the hit, or of the next one after where it was; -1 if there is none. */
export function hitIndex(hits: readonly Hit[], current: Hit | null): number {
  if (!current) return hits.length ? 0 : -1;
  const index = hits.findIndex(
    ({ number, at }) => number > current.number || (number === current.number && at >= current.at),
  );
  return index < 0 ? hits.length - 1 : index;
}
