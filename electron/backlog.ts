/** Measures what was sent to a window and not taken by it yet, which IPC itself does not tell. */
import type { ServerMessage } from "../core/api/schema.ts";

/** Bytes for which a message without text or bytes counts. */
const SMALL = 1024;

/** Bytes for which an element of a list counts, besides its text. */
const PART = 32;

/** Returns about how many bytes a message has: its text and bytes, and those of its lists' elements. */
export function weight(message: ServerMessage): number {
  const data: unknown = "event" in message ? message.data : "result" in message ? message.result : null;
  if (typeof data === "string") return SMALL + data.length;
  let sum = SMALL;
  for (const value of valuesOf(data)) {
    sum += lengthOf(value);
    if (Array.isArray(value))
      for (const part of value) for (const inner of [part, ...valuesOf(part)]) sum += PART + lengthOf(inner);
  }
  return sum;
}

function valuesOf(value: unknown): unknown[] {
  const isPlain = typeof value === "object" && value !== null && !(value instanceof Uint8Array);
  return isPlain ? Object.values(value) : [];
}

function lengthOf(value: unknown): number {
  return typeof value === "string" || value instanceof Uint8Array || Array.isArray(value) ? value.length : 0;
}

export class Backlog {
  readonly #waiting: number[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  sent(message: ServerMessage): void {
    const bytes = weight(message);
    this.#waiting.push(bytes);
    this.#bytes += bytes;
  }

  /** `count` comes from the window and may be anything. */
  taken(count: unknown): void {
    if (typeof count !== "number" || !(count > 0)) return;
    for (let left = Math.min(count, this.#waiting.length); left >= 1; left--) this.#bytes -= this.#waiting.shift()!;
  }
}
