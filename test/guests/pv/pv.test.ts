/** Debian's kernel as a PV domU: the parts of Xen's PV interface that its programs and its balloon driver depend on. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DEFAULT_BOOT_CONFIG } from "../../../core/toolstack/boot-config.ts";
import { PoweredHost } from "../../../core/toolstack/power.ts";
import { dist } from "../../dist.ts";
import { debianKernel, guestsMissing, initramfs } from "../images.ts";
import { compilerMissing, program } from "../programs.ts";
import { runGuest } from "../run.ts";

const missing = guestsMissing() ?? compilerMissing();
const programs = () => ({ ports: program("test/guests/pv/ports.c") });
const arguments_ = (ramdisk: string) => [
  ...["--kernel", debianKernel(), "--ramdisk", ramdisk, "--cmdline", "console=hvc0 quiet", "--timeout", "170"],
];

describe.skipIf(missing !== null)(`programs of a PV Linux${missing ? ` (${missing})` : ""}`, () => {
  it("use ports that ioperm() and iopl() let them use", async () => {
    const result = await runGuest(arguments_(initramfs("ready", "ports\npoweroff -f", programs())));
    const said = Object.fromEntries([...result.stdout.matchAll(/^PORTS (.*): (.*?)\r?$/gm)].map((m) => [m[1], m[2]]));
    expect(said).toEqual({
      "at first": "signal 11",
      "after ioperm": "0xff",
      "beside it": "signal 11",
      "after it was taken back": "signal 11",
      "after iopl": "0xff",
      "after iopl 0": "signal 11",
    });
  }, 180_000);

  it("get memory up to maxmem when the target is raised", async () => {
    const script = "while :; do grep MemTotal /proc/meminfo; sleep 0.2; done";
    const files = {
      vmlinuz: readFileSync(debianKernel()),
      initrd: readFileSync(initramfs("ready", script)),
    };
    const host = new PoweredHost({ memoryMiB: 1024, pcpus: 2, boot: DEFAULT_BOOT_CONFIG, imageFolder: dist });
    await host.start();
    try {
      const { toolstack } = host;
      let text = "";
      const enough = new Promise<void>((resolve) =>
        toolstack.on("console", ({ bytes }) => {
          text = (text + Buffer.from(bytes).toString("latin1")).slice(-2000);
          const total = [...text.matchAll(/MemTotal: +(\d+) kB/g)].at(-1);
          if (total && first === 0) first = Number(total[1]);
          if (total && first > 0 && Number(total[1]) > first + 200 * 1024) resolve();
        }),
      );
      let first = 0;
      const config =
        'name = "balloon"\nkernel = "vmlinuz"\nramdisk = "initrd"\nextra = "console=hvc0 quiet"\nmemory = 256\nmaxmem = 512\n';
      const { domid } = await toolstack.request("create", { config, files, paused: true });
      await toolstack.request("consoleAttach", { domid });
      await toolstack.request("unpause", { domid });
      const until = async (what: () => boolean): Promise<void> => {
        while (!what()) await new Promise((resolve) => setTimeout(resolve, 20));
      };
      await until(() => first > 0);
      await toolstack.request("setMemory", { domid, memoryMiB: 500 });
      await enough;
      expect(await toolstack.request("checkInvariants")).toBe(0);
    } finally {
      await host.powerOff();
    }
  }, 180_000);
});
