/** Runs guest-load in a Debian guest with 2 vCPUs on 2 pCPUs. It is a load like a kernel build's, and every result is checked. */
import { setTimeout as sleep } from "node:timers/promises";
import { BenchHost } from "../../bench/bench-host.ts";
import { initramfs } from "../images.ts";
import { program } from "../programs.ts";

const MEMORY_MIB = 512;
const WORKERS = 6;
/** For the boot, and for the last jobs after their time is over. */
const BOOT_MS = 120_000;
const GRACE_MS = 120_000;
/** What a Linux kernel says when something is wrong with it. */
const KERNEL_TROUBLE = /BUG:|Oops|Call Trace|soft lockup|rcu.*stall|general protection|Kernel panic|clocksource.*skew/;

export interface LoadResult {
  /** The number of jobs done, by kind. */
  jobs: Record<string, number>;
  /** Lines that say what was wrong: those of guest-load and the kernel, and what the hypervisor's invariant checks say. */
  wrong: string[];
}

export function guestLoad(): string {
  return program("test/guests/load/guest-load.c", ["-O2", "-pthread"]);
}

export async function runLoad(seconds: number): Promise<LoadResult> {
  const host = await BenchHost.start(2);
  try {
    const script = `guest-load ${seconds} ${WORKERS}; echo LOAD-STATUS $?; sleep 100000`;
    const ramdisk = initramfs("ready", script, { "guest-load": guestLoad() });
    const guest = await host.create({ name: "load", ramdisk, memoryMiB: MEMORY_MIB, vcpus: 2 });
    await within(BOOT_MS, guest.shown(/GUEST-READY/), () => guest.text);
    await within(seconds * 1000 + GRACE_MS, guest.shown(/^LOAD-STATUS \d+$/), () => guest.text);
    const result = loadResult(guest.text);
    if (!/GUEST-INFO .*cpus=2/.test(guest.text)) result.wrong.push("the guest did not have 2 vCPUs");
    const violations = await host.powered.toolstack.request("checkInvariants", {});
    if (violations) result.wrong.push(`${violations} of the hypervisor's invariants are violated`);
    return result;
  } finally {
    await host.close();
  }
}

/** Reads the result from its output. An output without an end means that something is wrong. */
export function loadResult(text: string): LoadResult {
  const jobs = Object.fromEntries(
    [...text.matchAll(/^LOAD-JOBS (\S+) (\d+)$/gm)].map(([, name, n]) => [name!, Number(n)]),
  );
  const wrong = text.split("\n").filter((line) => line.includes("LOAD-WRONG") || KERNEL_TROUBLE.test(line));
  const end = /^LOAD-DONE jobs=(\d+) wrong=(\d+)$/m.exec(text);
  if (!end) wrong.push("the load did not come to its end");
  else if (end[2] !== "0" && !wrong.length) wrong.push(`${end[2]} results were wrong`);
  return { jobs, wrong };
}

async function within(milliseconds: number, done: Promise<void>, text: () => string): Promise<void> {
  const late = new AbortController();
  const tooLate = sleep(milliseconds, undefined, { signal: late.signal }).then(() => {
    throw new Error(`nothing more after ${milliseconds} ms:\n${text().slice(-4000)}`);
  });
  try {
    await Promise.race([done, tooLate]);
  } finally {
    late.abort();
    tooLate.catch(() => {});
  }
}
