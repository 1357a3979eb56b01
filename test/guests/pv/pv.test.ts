/** Debian's kernel as a PV domU: the parts of Xen's PV interface that its programs and its balloon driver depend on. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DEFAULT_BOOT_CONFIG } from "../../../core/toolstack/boot-config.ts";
import { PoweredHost } from "../../../core/toolstack/power.ts";
import { dist } from "../../dist.ts";
import { debianKernel, guestsMissing, initramfs } from "../images.ts";
import { compilerMissing, program } from "../programs.ts";

const missing = guestsMissing() ?? compilerMissing();

describe.skipIf(missing !== null)(`programs of a PV Linux${missing ? ` (${missing})` : ""}`, () => {
  it("use ports that ioperm() and iopl() let them use, and get memory up to maxmem when the target is raised", async () => {
    const script = "ports; while :; do grep MemTotal /proc/meminfo; sleep 0.2; done";
    const files = {
      vmlinuz: readFileSync(debianKernel()),
      initrd: readFileSync(initramfs("ready", script, { ports: program("test/guests/pv/ports.c") })),
    };
    const host = new PoweredHost({ memoryMiB: 1024, pcpus: 2, boot: DEFAULT_BOOT_CONFIG, imageFolder: dist });
    await host.start();
    try {
      const { toolstack } = host;
      let text = "";
      toolstack.on("console", ({ bytes }) => (text += Buffer.from(bytes).toString("latin1")));
      const totals = (): number[] => [...text.matchAll(/MemTotal: +(\d+) kB\r?\n/g)].map(([, total]) => Number(total));
      const config =
        'name = "balloon"\nkernel = "vmlinuz"\nramdisk = "initrd"\nextra = "console=hvc0 quiet"\nmemory = 256\nmaxmem = 512\n';
      const { domid } = await toolstack.request("create", { config, files, paused: true });
      await toolstack.request("consoleAttach", { domid });
      await toolstack.request("unpause", { domid });
      await expect.poll(() => totals().length, { timeout: 170_000 }).toBeGreaterThan(0);
      const said = Object.fromEntries([...text.matchAll(/^PORTS (.*): (.*?)\r?$/gm)].map((m) => [m[1], m[2]]));
      expect(said).toEqual({
        "at first": "signal 11",
        "after ioperm": "0xff",
        "beside it": "signal 11",
        "after it was taken back": "signal 11",
        "after iopl": "0xff",
        "after iopl 0": "signal 11",
      });
      const first = totals()[0]!;
      await toolstack.request("setMemory", { domid, memoryMiB: 500 });
      await expect.poll(() => totals().at(-1)!, { timeout: 170_000 }).toBeGreaterThan(first + 200 * 1024);
      expect(await toolstack.request("checkInvariants")).toBe(0);
    } finally {
      await host.powerOff();
    }
  }, 180_000);
});
