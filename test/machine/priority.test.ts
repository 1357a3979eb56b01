/** The threads of a running host and their priorities, as Linux reports them. */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { startGuest } from "../guests/run.ts";

const image = path.resolve(import.meta.dirname, "../../assets/guests/mini.elf");
/** The place of the nice value in /proc/PID/stat, counted after the name; see `man 5 proc`. */
const NICE = 16;

function niceValues(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`).map(Number);
  threads.sort((a, b) => a - b);
  return threads.map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[NICE]);
  });
}

describe.skipIf(process.platform !== "linux")("priorities of the host's threads", () => {
  it("are lower for V8's compilers and the translator than for the main thread, pCPUs and dom0", async () => {
    const guest = startGuest(["--kernel", image, "--memory", "32", "--pcpus", "2", "--timeout", "60"]);
    await guest.waitFor(/mini> /, 30_000);
    const [main, ...others] = niceValues(guest.pid);
    const lower = others.filter((nice) => nice === Math.min(main! + 5, 19));
    expect(lower).toHaveLength(6);
    // The pCPUs, dom0, and Node's own threads.
    expect(others.filter((nice) => nice === main).length).toBeGreaterThanOrEqual(3);
    guest.end();
    await guest.done;
  }, 60_000);
});
