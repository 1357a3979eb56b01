/** Finds a text in the lines of the log, in any case. */
import type { ShownLine } from "../../state/xen-log.ts";

/** A place: the number of the line, and the index of the character in its text. */
export interface Hit {
  number: number;
  at: number;
}

export function findHits(lines: readonly ShownLine[], wanted: string): Hit[] {
  const text = wanted.toLowerCase();
  if (!text) return [];
  return lines.flatMap(({ number, line }) => placesIn(line.text, text).map((at) => ({ number, at })));
}

/** `wanted` is in lower case. Only the case of Latin letters is changed, because that does not change the length. */
export function placesIn(text: string, wanted: string): number[] {
  const places: number[] = [];
  const within = text.toLowerCase();
  for (let at = within.indexOf(wanted); at >= 0; at = within.indexOf(wanted, at + wanted.length)) places.push(at);
  return places;
}

/** Returns the index of the hit, or of the next one after its place if it is gone; -1 if there is none. */
export function hitIndex(hits: readonly Hit[], current: Hit | null): number {
  if (!current) return hits.length ? 0 : -1;
  const index = hits.findIndex(
    ({ number, at }) => number > current.number || (number === current.number && at >= current.at),
  );
  return index < 0 ? hits.length - 1 : index;
}
