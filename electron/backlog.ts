/** What was sent to a window and not taken by it yet: IPC itself has no measure of that. */
import type { ServerMessage } from "../core/api/schema.ts";

/** Bytes a message without text or bytes of its own is counted as. */
const SMALL = 1024;

/** About how many bytes a message is. */
export function weight(message: ServerMessage): number {
  const data: unknown = "event" in message ? message.data : "result" in message ? message.result : null;
  if (typeof data === "string") return SMALL + data.length;
  if (typeof data !== "object" || data === null) return SMALL;
  let sum = SMALL;
  for (const value of Object.values(data)) {
    if (value instanceof Uint8Array || typeof value === "string" || Array.isArray(value)) sum += value.length;
  }
  return sum;
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

  /** `count` comes from the window: anything may be in it. */
  taken(count: unknown): void {
    if (typeof count !== "number" || !(count > 0)) return;
    for (let left = Math.min(count, this.#waiting.length); left >= 1; left--) this.#bytes -= this.#waiting.shift()!;
  }
}
