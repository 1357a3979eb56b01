/** Arrow keys in the timeline: from turn to turn, and from lane to lane. */
import type { Lane } from "./lanes.ts";

/** What is pointed at: a moment, in the host's nanoseconds, of a lane by its place. */
export interface Cursor {
  lane: number;
  time: number;
}

/** Where a key leads in what is shown, which ends at `to`; null: the key is none of the timeline's. */
export function afterKey(
  key: string,
  cursor: Cursor | null,
  lanes: readonly Lane[],
  from: number,
  to: number,
): Cursor | null {
  const { lane, time } = cursor ?? { lane: 0, time: to };
  const within = (at: number): number => Math.max(from, Math.min(to - 1, at));
  const turns = lanes[lane]?.turns ?? [];
  switch (key) {
    case "ArrowLeft":
      return { lane, time: within(turns.findLast((turn) => turn.from < time - 1)?.from ?? from) };
    case "ArrowRight":
      return { lane, time: within(turns.find((turn) => turn.from > time)?.from ?? to) };
    case "ArrowUp":
      return { lane: Math.max(0, lane - 1), time: within(time) };
    case "ArrowDown":
      return { lane: Math.min(lanes.length - 1, lane + 1), time: within(time) };
    default:
      return null;
  }
}
