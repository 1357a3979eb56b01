/**
 * Names processes by their pid and their start, which no later process with that pid has. This works among the processes of one system, not across
 * computers or containers that share a folder.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export interface Process {
  readonly pid: number;
  /** The result of startOf; null where that can't be told. */
  readonly started: string | null;
}

/** To find it out takes a program where there is no /proc. */
let own: Process | null = null;

export function thisProcess(): Process {
  return (own ??= { pid: process.pid, started: startOf(process.pid) });
}

/** Returns a name of this process that can be a part of a file's name: isNamedAlive() understands it. */
export function processName(): string {
  const { pid, started } = thisProcess();
  return nameOf(pid, started);
}

/** What processName() returns. */
export const PROCESS_NAME = /\d{1,10}-[\da-f]{8}/;

function nameOf(pid: number, started: string | null): string {
  return `${pid}-${createHash("sha256")
    .update(started ?? "")
    .digest("hex")
    .slice(0, 8)}`;
}

/** Returns whether the process of that name lives, or may live because that can't be told. */
export function isNamedAlive(name: string): boolean {
  const pid = Number.parseInt(name, 10);
  if (!(pid > 0 && pid < 2 ** 31) || !isThere(pid)) return false;
  const started = startOf(pid);
  return started === null || name === nameOf(pid, started);
}

export function isAlive({ pid, started }: Process): boolean {
  if (!isThere(pid)) return false;
  if (started === null) return true;
  const now = startOf(pid);
  return now === null || now === started;
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process belongs to another user, so it exists.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Returns what distinguishes a process from a later one with the same pid: on Linux its start in ticks since the boot, and which boot (proc(5));
 * elsewhere what ps says. "" for a process that has ended but was not waited for. null where neither is available, as on Windows.
 */
function startOf(pid: number): string | null {
  try {
    if (process.platform === "linux") {
      const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // The program chooses the name that comes before; it may contain spaces and brackets.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" ? "" : `${boot} ${fields[19]}`;
    }
    if (process.platform === "win32") return null;
    const options = { env: { ...process.env, LC_ALL: "C", TZ: "UTC" }, encoding: "utf8", timeout: 5000 } as const;
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], options).trim();
  } catch {
    return null;
  }
}
