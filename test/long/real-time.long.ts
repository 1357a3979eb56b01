/**
 * Debian's real-time kernel (6.12-rt). On real Xen as here some of its boots end in a storm of its own (core/hypervisor/README.md says which), so
 * that not each can come to its end. What must come: boots that end with all done and nothing said amiss, and of the others nothing worse than
 * that storm: a guest that runs, on a host that is as well as before, and gives all back when it is destroyed.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { DEFAULT_BOOT_CONFIG } from "../../core/toolstack/boot-config.ts";
import { PoweredHost } from "../../core/toolstack/power.ts";
import { guestsMissing, initramfs } from "../guests/images.ts";
import { warnings } from "../guests/warnings.ts";
import { KERNELS, kernel } from "./kernels.ts";

const missing = guestsMissing();
/** Boots, of which at least one comes to its end: where half of them storm, all of them do once in a thousand times. */
const MOST_BOOTS = 10;
/** A boot takes 4 s where nothing else runs. */
const PATIENCE_MS = Number(process.env.XENARIUM_PATIENCE ?? 60) * 1000;
/** What the kernel says of its storm: of grace periods and CPUs that wait, and where they were. */
const STORM = /stall|soft lockup|Call Trace|NMI backtrace|blocked for more than/;

describe.skipIf(missing !== null)(`Debian's 6.12-rt${missing ? ` (${missing})` : ""}`, () => {
  it.each([1, 2])(
    "with %i vCPUs comes to its end, or storms and harms nobody",
    async (vcpus) => {
      const source = KERNELS.find(({ version }) => version === "6.12")!;
      const files = {
        vmlinuz: readFileSync(kernel(source, "rt-amd64")),
        initrd: readFileSync(initramfs("ready", `echo RT-DONE $(uname -v)\npoweroff -f`)),
      };
      const boot = { ...DEFAULT_BOOT_CONFIG, entries: [{ title: "Host", cmdline: "dom0_mem=128M loglvl=all" }] };
      const imageFolder = pathToFileURL(path.resolve(import.meta.dirname, "../../dist") + path.sep);
      const host = new PoweredHost({ memoryMiB: 768, pcpus: 2, boot, imageFolder });
      await host.start();
      try {
        const { toolstack } = host;
        let ended = 0;
        for (let attempt = 0; attempt < MOST_BOOTS && ended === 0; attempt++) {
          const config = `name = "rt"\nkernel = "vmlinuz"\nramdisk = "initrd"\ncmdline = "console=hvc0 loglevel=8"\nmemory = 256\nvcpus = ${vcpus}\non_crash = "preserve"\n`;
          let reason: string | null = null;
          const { domid } = await toolstack.request("create", { config, files, paused: true });
          const stopped = new Promise<void>((resolve) =>
            toolstack.on("stopped", (stop) => {
              if (stop.domid !== domid) return;
              ({ reason } = stop);
              resolve();
            }),
          );
          await toolstack.request("unpause", { domid });
          let timer: NodeJS.Timeout;
          await Promise.race([stopped, new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)))]);
          clearTimeout(timer!);
          const { log } = await toolstack.request("consoleAttach", { domid });
          const text = Buffer.from(log).toString("latin1");
          expect(text).toMatch(/Linux version 6\.12\.\S+-rt-amd64/);
          if (reason === null) {
            // It runs still: what it says is of the storm alone.
            expect(warnings(text).filter((line) => !STORM.test(line))).toEqual([]);
            await toolstack.request("destroy", { domid });
          } else {
            expect(reason, text.slice(-3000)).toBe("poweroff");
            expect(text).toMatch(/RT-DONE .*PREEMPT_RT/);
            expect(warnings(text)).toEqual([]);
            ended++;
          }
          expect(await toolstack.request("checkInvariants", {})).toBe(0);
          expect((await toolstack.request("list", {})).map((each) => each.domid)).toEqual([0]);
        }
        expect(ended).toBe(1);
      } finally {
        await host.powerOff();
      }
    },
    (MOST_BOOTS + 1) * PATIENCE_MS,
  );
});
