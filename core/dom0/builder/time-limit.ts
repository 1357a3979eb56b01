/** A bound on the processor time of a thread: a busy computer must not make what is allowed look like too much. */
import type { Worker } from "node:worker_threads";

/** Of the clock's time there may be so much more than of the processor's: for a thread that neither works nor ends, or answers nothing. */
const CLOCK_FACTOR = 10;
/** A thread is asked no more often, ms. */
const SHORTEST = 10;

/** From Node 24.6 on, which Electron has: microseconds. */
interface Measurable {
  cpuUsage?(): Promise<{ user: number; system: number }>;
}

/** Milliseconds of the processor that the thread has used; where that can't be asked for, milliseconds of the clock since this call. */
export function timeUsed(worker: Worker): () => Promise<number> {
  const began = performance.now();
  const measurable: Measurable = worker as Measurable;
  return async () => {
    if (!measurable.cpuUsage) return performance.now() - began;
    const { user, system } = await measurable.cpuUsage();
    return (user + system) / 1000;
  };
}

/** Calls `late`, once, when `used` says that so many milliseconds were used. What it gives back ends that. */
export function limitTime(used: () => Promise<number>, milliseconds: number, late: () => void): () => void {
  let isOver = false;
  let next: NodeJS.Timeout;
  const end = (): void => {
    isOver = true;
    clearTimeout(next);
    clearTimeout(last);
  };
  const giveUp = (): void => {
    if (isOver) return;
    end();
    late();
  };
  const wait = (left: number): void => {
    next = setTimeout(() => void look(), Math.max(left, SHORTEST));
  };
  const look = async (): Promise<void> => {
    // A thread that has just ended can't be asked.
    const spent = await used().catch(() => 0);
    if (spent >= milliseconds) giveUp();
    else if (!isOver) wait(milliseconds - spent);
  };
  const last = setTimeout(giveUp, CLOCK_FACTOR * milliseconds);
  wait(milliseconds);
  return end;
}
