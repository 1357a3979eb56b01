/** What the operating system says about a process: memory and time. Linux only. */
import { readFileSync, readdirSync } from "node:fs";

export const PROCESS_FIGURES = process.platform === "linux";
/** Clock ticks of /proc/PID/stat a second: USER_HZ, 100 on every Linux for x86-64 and AArch64. */
const TICKS = 100;

/** MiB resident now, and most at any time. */
export function residentMiB(pid: number): { now: number; most: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]) / 1024;
  return { now: field("VmRSS"), most: field("VmHWM") };
}

/** Seconds of CPU that all its threads have used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may have spaces in it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Nanoseconds that a thread has run, and that it was ready to run but had no core: /proc/PID/task/TID/schedstat. */
export interface ThreadTime {
  ran: number;
  waited: number;
}
/** By thread id. */
export function threadTimes(pid: number): Map<string, ThreadTime> {
  const tasks = `/proc/${pid}/task`;
  return new Map(
    readdirSync(tasks).map((thread) => {
      const [ran = 0, waited = 0] = readFileSync(`${tasks}/${thread}/schedstat`, "utf8").split(" ").map(Number);
      return [thread, { ran, waited }];
    }),
  );
}
