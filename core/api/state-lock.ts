/**
 * Lets only one host at a time keep its state in a folder: a lock file names the process that does. A lock left by a crash is recognised, because it
 * names the process by its pid and its start, which no later process with that pid has. This works among the processes of one system, not across
 * computers or containers that share the folder.
 */
import { execFileSync } from "node:child_process";
import { linkSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

const FILE = "host.lock";
const MOST_BYTES = 4096;
const MOST_COMMAND = 200;
/** Each attempt fails only if somebody else was faster with a lock that was left. */
const MOST_TRIES = 20;

interface Holder {
  pid: number;
  /** The result of startOf; null where that can't be told. */
  started: string | null;
  /** The command by which the user knows it. */
  command: string;
}

export interface StateLock {
  /** Does nothing if it was released before. The end of the process releases it too. */
  release(): void;
}

/**
 * Throws a sentence that names the process which has the folder, and what to do: `elsewhere` says how the user gives this host another one. A folder
 * that can't be written is not locked: nothing is kept there either, and the history says so.
 */
export function lockState(folder: string, command: string, elsewhere: string): StateLock {
  const file = path.join(folder, FILE);
  const holder: Holder = { pid: process.pid, started: startOf(process.pid), command };
  const text = `${JSON.stringify(holder)}\n`;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const written = writeOnce(file, text);
    if (written === "unwritable") return { release: () => {} };
    if (written === "done") return held(file, text);
    const found = read(file);
    if (found === null) continue;
    const other = holderIn(found);
    if (other && isAlive(other)) throw new Error(refusal(folder, file, other, elsewhere));
    takeAway(file, found);
  }
  throw new Error(`${file} is taken again and again by others; start this host when they have started.`);
}

function refusal(folder: string, file: string, { pid, started, command }: Holder, elsewhere: string): string {
  const unsure = started === null ? ` If process ${pid} is another program by now, delete ${file}.` : "";
  return `${folder} is in use by ${command} (process ${pid}), which keeps its history and boot menu there. End it first, or ${elsewhere}.${unsure}`;
}

/** The file exists with all of its text, or not at all. */
function writeOnce(file: string, text: string): "done" | "exists" | "unwritable" {
  const whole = `${file}.${process.pid}.new`;
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(whole, text, { mode: 0o600 });
  } catch {
    return "unwritable";
  }
  try {
    linkSync(whole, file);
    return "done";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EEXIST" ? "exists" : "unwritable";
  } finally {
    rmSync(whole, { force: true });
  }
}

function held(file: string, text: string): StateLock {
  const release = (): void => {
    process.off("exit", release);
    try {
      if (read(file) === text) rmSync(file, { force: true });
    } catch {
      // If this fails the lock is left as after a crash, and the next host recovers it.
    }
  };
  process.on("exit", release);
  return { release };
}

/** Returns null if it is gone. Throws a sentence if something is there that is no file. */
function read(file: string): string | null {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (!found) return null;
  if (!found.isFile()) throw new Error(`${file} must be a file, or not be there; it is something else. Remove it.`);
  if (found.size > MOST_BYTES) return "";
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`${file} can't be read: ${(error as Error).message}.`, { cause: error });
  }
}

/** Returns null if no host has written that. */
function holderIn(text: string): Holder | null {
  try {
    const { pid, started, command } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid !== "number" || !Number.isInteger(pid) || pid < 1 || pid > 2 ** 31 - 1) return null;
    if (started !== null && typeof started !== "string") return null;
    // It is shown to the user, so it has no control characters and is not long.
    const shown =
      typeof command === "string" ? command.replace(/\p{Cc}/gu, " ").slice(0, MOST_COMMAND) : "another host";
    return { pid, started, command: shown };
  } catch {
    return null;
  }
}

/** Removes the lock that was found to be left; one that somebody else has put there meanwhile stays. */
function takeAway(file: string, text: string): void {
  const aside = `${file}.${process.pid}.left`;
  try {
    if (read(file) !== text && text !== "") return;
    renameSync(file, aside);
  } catch {
    return;
  }
  try {
    if (read(aside) !== text) linkSync(aside, file);
  } catch {
    // A third process has the lock now, so what was moved aside is in nobody's way.
  }
  rmSync(aside, { force: true });
}

function isAlive({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // The process belongs to another user, so it exists.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  if (started === null) return true;
  const now = startOf(pid);
  return now === null || now === started;
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
