import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { guestBench } from "./programs.ts";
import { runGuest, startGuest } from "./run.ts";

const missing = guestsMissing();
const COMMAND_LINE = "console=hvc0";

const linux = (ramdisk: string, ...more: string[]) => [
  ...["--kernel", debianKernel(), "--ramdisk", ramdisk, "--cmdline", COMMAND_LINE, "--timeout", "280"],
  ...more,
];

/** The name and check value of each BENCH line. */
const checks = (text: string) =>
  Object.fromEntries([...text.matchAll(/^BENCH (\w+) [\d.]+ chk=([0-9a-f]+)/gm)].map(([, name, chk]) => [name, chk]));

describe.skipIf(missing !== null)(`Debian's kernel as a PV domU${missing ? ` (${missing})` : ""}`, () => {
  it("boots as a PV guest, gives a shell that answers what is typed, and powers off with status 0", async () => {
    const guest = startGuest(linux(initramfs("shell")));
    await guest.waitFor(/GUEST-READY/, 90_000);
    await guest.waitFor(/# (\x1b\[6n)?$/, 30_000);
    guest.mark();
    guest.type("echo $((6 * 7)) $(uname -r)\r");
    await guest.waitFor(/42 6\.1\./, 30_000);
    guest.type("poweroff -f\r");
    guest.closeInput();
    const { status, stdout } = await guest.done;
    expect(status).toBe(0);
    expect(stdout).toMatch(/GUEST-INFO hypervisor=xen type=PV cpus=1/);
  }, 180_000);

  it("runs two vCPUs, both of which do work, and computes what the real CPU computes", async () => {
    const native = checks(execFileSync(guestBench(), { encoding: "utf8" }));
    expect(Object.keys(native)).toHaveLength(10);
    const script = [
      "echo cpus=$(nproc)",
      "for c in 0 1; do (taskset $((c + 1)) sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done'; echo done$c) & done; wait",
      "grep '^cpu[01]' /proc/stat",
      "/bin/guest-bench",
      "poweroff -f",
    ].join("\n");
    const result = await runGuest(linux(initramfs("bench", script), "--memory", "512", "--vcpus", "2"));
    expect(result.stdout).toMatch(/cpus=2/);
    expect(result.stdout).toMatch(/done0/);
    expect(result.stdout).toMatch(/done1/);
    for (const cpu of [0, 1]) {
      const user = new RegExp(`^cpu${cpu} (\\d+) \\d+ (\\d+)`, "m").exec(result.stdout);
      expect(Number(user?.[1]) + Number(user?.[2])).toBeGreaterThan(0);
    }
    expect(checks(result.stdout.replaceAll("\r", ""))).toEqual(native);
    expect(result.status).toBe(0);
  }, 300_000);
});
