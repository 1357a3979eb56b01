/** Debian's kernel with type="pvh": booted with one and more vCPUs, with a disk and a network, and beside a PV guest of the same kernel. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { runGuest, startGuest } from "./run.ts";

const missing = guestsMissing();

function config(ramdisk: string, more: string): string {
  const file = path.join(temporaryFolder("pvh-debian"), "guest.cfg");
  writeFileSync(
    file,
    `name = "pvh"\ntype = "pvh"\nkernel = "${debianKernel()}"\nramdisk = "${ramdisk}"\nmemory = 256\n` +
      `extra = "console=hvc0"\non_crash = "destroy"\n${more}\n`,
  );
  return file;
}

describe.skipIf(missing !== null)(`Debian's kernel as a PVH domU${missing ? ` (${missing})` : ""}`, () => {
  it("boots with one vCPU, says what it runs on, and powers off with status 0", async () => {
    const result = await runGuest([config(initramfs("ready"), "vcpus = 1"), "--timeout", "280"]);
    expect(result.stdout).toMatch(/GUEST-INFO hypervisor=xen type=PVH cpus=1/);
    for (const line of [
      /Hypervisor detected: Xen HVM/,
      /Booting kernel on Xen PVH/,
      /BIOS-e820: \[mem 0x00000000fc000000-0x00000000fc00803f\] ACPI data/,
      /xen:events: Xen HVM callback vector for event delivery is enabled/,
      /Switched APIC routing to physical x2apic/,
      /installing Xen timer for CPU 0/,
      /Grant tables using version 1 layout/,
    ])
      expect(result.stdout).toMatch(line);
    expect(result.stdout).not.toMatch(/WARNING:|BUG:|Call Trace/);
    expect(result.status).toBe(0);
  }, 300_000);

  it("boots with four vCPUs, all of which do work, and gives a shell that answers what is typed", async () => {
    const script = [
      "echo cpus=$(nproc)",
      "for c in 0 1 2 3; do (taskset $((1 << c)) sh -c 'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done'; echo done$c) & done; wait",
      "exec setsid -c sh",
    ].join("\n");
    const guest = startGuest([config(initramfs("ready", script), "vcpus = 4"), "--timeout", "280"]);
    await guest.waitFor(/GUEST-READY/, 270_000);
    await guest.waitFor(/# (\x1b\[6n)?$/, 270_000);
    guest.mark();
    guest.type("echo $((6 * 7)) $(cat /sys/hypervisor/guest_type)\r");
    await guest.waitFor(/42 PVH/, 30_000);
    guest.type("poweroff -f\r");
    guest.closeInput();
    const { status, stdout } = await guest.done;
    expect(stdout).toMatch(/cpus=4/);
    for (const cpu of [0, 1, 2, 3]) expect(stdout).toMatch(new RegExp(`done${cpu}`));
    expect(stdout).not.toMatch(/WARNING:|BUG:|Call Trace/);
    expect(status).toBe(0);
  }, 300_000);
});
