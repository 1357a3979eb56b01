/** Limits the processor time of a thread. It is not the clock's time, because on a busy computer allowed work would look like too much. */
import type { Worker } from "node:worker_threads";

/** The thread may take so many times as much of the clock's time, which limits one that neither works nor ends, or answers nothing. */
const CLOCK_FACTOR = 10;
/** The shortest interval in milliseconds at which a thread is asked. */
const SHORTEST = 10;

/** Available from Node 24.6 on, which Electron has; in microseconds. */
interface Measurable {
  cpuUsage?(): Promise<{ user: number; system: number }>;
}

/**
 * Returns a function for the milliseconds of processor time that the thread has used; where that can't be asked for, milliseconds of the clock since
 * this call.
 */
export function timeUsed(worker: Worker): () => Promise<number> {
  const began = performance.now();
  const measurable: Measurable = worker as Measurable;
  return async () => {
    if (!measurable.cpuUsage) return performance.now() - began;
    const { user, system } = await measurable.cpuUsage();
    return (user + system) / 1000;
  };
}

/** Calls `late` once when `used` says that so many milliseconds were used. The returned function ends this. */
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
