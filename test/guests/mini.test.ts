import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { startGuest } from "./run.ts";
import { temporaryFolder } from "../temporary.ts";

const folder = path.resolve(import.meta.dirname, "../../assets/guests");
const image = path.join(folder, "mini.elf");
const mini = (...more: string[]) =>
  startGuest(["--kernel", image, "--memory", "32", "--name", "mini", "--timeout", "60", ...more]);

/** The compiler that made the committed image. Another one makes other bytes from the same source. */
const COMPILER = "gcc (Debian 12.2.0-14+deb12u1) 12.2.0";
const compiler = (() => {
  try {
    return execFileSync("gcc", ["--version"], { encoding: "utf8" }).split("\n")[0];
  } catch {
    return "no gcc";
  }
})();

describe("the bundled guest", () => {
  it.skipIf(compiler !== COMPILER)(`is what its source builds (needs ${COMPILER}; here: ${compiler})`, () => {
    const work = temporaryFolder("mini");
    execFileSync("make", ["-s", "-C", path.join(folder, "mini"), `OUT=${work}/mini.elf`]);
    expect(readFileSync(`${work}/mini.elf`).equals(readFileSync(image))).toBe(true);
  });

  it("answers on its console: help, memory, vCPUs, xenstore, and powers off", async () => {
    const guest = mini("--vcpus", "2");
    await guest.waitFor(/mini> /, 20_000);
    guest.mark();
    guest.type("help\r");
    await guest.waitFor(/xenstore-ls[\s\S]*mini> /, 10_000);
    guest.mark();
    guest.type("mem\r");
    await guest.waitFor(/owned +8192 pages, 32 MiB/, 10_000);
    guest.type("free 4\r");
    await guest.waitFor(/gave 1024 pages/, 10_000);
    guest.type("mem\r");
    await guest.waitFor(/owned +7168 pages, 28 MiB/, 10_000);
    guest.type("alloc 4\r");
    await guest.waitFor(/took 1024 pages/, 10_000);
    guest.type("load 2\r");
    const leastWork = async (): Promise<number> => {
      guest.mark();
      guest.type("cpu\r");
      const [, zero, one] = await guest.waitFor(/ 0 +\d+ +(\d+) +load\s+1 +\d+ +(\d+) +load/, 10_000);
      return Math.min(Number(zero), Number(one));
    };
    await expect.poll(leastWork, { timeout: 10_000 }).toBeGreaterThan(0);
    guest.type("load 0\rhypercalls 100000\r");
    await guest.waitFor(/100000 hypercalls, \d+\.\d ns each/, 10_000);
    guest.type("late 50\r");
    await guest.waitFor(/50 timers: .+ late, at most .+\s+50 IPIs to vCPU 1: .+ late, at most/, 30_000);
    guest.type("xenstore-ls\r");
    await guest.waitFor(/name = "mini"/, 10_000);
    guest.type("poweroff\r");
    expect((await guest.done).status).toBe(0);
  });

  it("hears every event: sleeps and wakes for each of thousands of requests to xenstore", async () => {
    const guest = mini("--vcpus", "2");
    await guest.waitFor(/mini> /, 20_000);
    // Several at a time: on a busy machine the way to the console and back takes longer than all of their requests.
    for (let i = 0; i < 30; i++) {
      guest.mark();
      guest.type("xenstore-ls\r".repeat(10));
      await guest.waitFor(/(name = "mini"[\s\S]*?mini> ){10}$/, 20_000);
    }
    guest.type("poweroff\r");
    expect((await guest.done).status).toBe(0);
  });

  it("ends with status 3 when it crashes and says where", async () => {
    const guest = mini();
    await guest.waitFor(/mini> /, 20_000);
    guest.type("crash\r");
    const result = await guest.done;
    expect(result.stdout).toMatch(/trap 14 error 2 at ffffffff801[0-9a-f]+, address dead000/);
    expect(result.status).toBe(3);
  });

  it("reboots when it asks, and starts again", async () => {
    const guest = mini();
    await guest.waitFor(/mini> /, 20_000);
    guest.mark();
    guest.type("reboot\r");
    await guest.waitFor(/mini> $/, 20_000);
    guest.type("poweroff\r");
    expect((await guest.done).status).toBe(0);
  });
});
