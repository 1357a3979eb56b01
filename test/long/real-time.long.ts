/**
 * Debian's real-time kernel (6.12-rt). On real Xen as here some of its boots end in a storm of its own (core/hypervisor/README.md says which), so
 * that not each can come to its end; with several vCPUs none may. What must come: with one vCPU a boot that ends with all done and nothing said amiss;
 * and of those that do not end, that they are in that storm and nothing worse: a guest that runs, on a host that is as well as before, and gives all
 * back when it is destroyed. A storm may come before the first word: a real-time kernel prints by a thread, which gets its turn a second or more after
 * the start and then says at once all that there was.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DEFAULT_BOOT_CONFIG } from "../../core/toolstack/boot-config.ts";
import { PoweredHost } from "../../core/toolstack/power.ts";
import { dist } from "../dist.ts";
import { guestsMissing, initramfs } from "../guests/images.ts";
import { warnings } from "../guests/warnings.ts";
import { KERNELS, kernel } from "./kernels.ts";

const missing = guestsMissing();
/** Boots, of which with one vCPU at least one comes to its end. */
const MOST_BOOTS = { 1: 10, 2: 4 };
/** Until then a boot has ended or is in the storm. It takes 4 s where nothing else runs. */
const PATIENCE_MS = Number(process.env.XENARIUM_PATIENCE ?? 120) * 1000;
/** IPIs that a vCPU sends to itself in a second of the storm; seen: 20,000 to 180,000. A boot without one has some hundreds. */
const STORM_IPIS = 2000;
/** Seconds in which there must be so many, one after another. */
const STORM_SECONDS = 3;
/** What the kernel says of its storm: of grace periods and CPUs that wait, and where they were. */
const STORM = /stall|soft lockup|Call Trace|NMI backtrace|blocked for more than/;

/** Whether the domain is in the storm within the time given; false as soon as `ended` says so. */
async function storms(toolstack: PoweredHost["toolstack"], domid: number, ended: () => boolean): Promise<boolean> {
  const ipis = async (): Promise<Map<number, number>> => {
    const { ports } = await toolstack.request("inspectEvents", { domid });
    return new Map(ports.flatMap(({ port, state, received }) => (state === "ipi" ? [[port, received] as const] : [])));
  };
  let before = new Map<number, number>();
  for (let seconds = 0, end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (ended()) return false;
    const now = await ipis();
    const most = Math.max(0, ...[...now].map(([port, received]) => received - (before.get(port) ?? received)));
    before = now;
    seconds = most >= STORM_IPIS ? seconds + 1 : 0;
    if (seconds === STORM_SECONDS) return true;
  }
  return false;
}

describe.skipIf(missing !== null)(`Debian's 6.12-rt${missing ? ` (${missing})` : ""}`, () => {
  it.each([1, 2] as const)(
    "with %i vCPUs comes to its end, or storms and harms nobody",
    async (vcpus) => {
      const source = KERNELS.find(({ version }) => version === "6.12")!;
      const files = {
        vmlinuz: readFileSync(kernel(source, "rt-amd64")),
        initrd: readFileSync(initramfs("ready", `echo RT-DONE $(uname -v)\npoweroff -f`)),
      };
      const boot = { ...DEFAULT_BOOT_CONFIG, entries: [{ title: "Host", cmdline: "dom0_mem=128M loglvl=all" }] };
      const host = new PoweredHost({ memoryMiB: 768, pcpus: 2, boot, imageFolder: dist });
      await host.start();
      try {
        const { toolstack } = host;
        let ended = 0;
        for (let attempt = 0; attempt < MOST_BOOTS[vcpus] && ended === 0; attempt++) {
          const config = `name = "rt"\nkernel = "vmlinuz"\nramdisk = "initrd"\ncmdline = "console=hvc0 loglevel=8"\nmemory = 256\nvcpus = ${vcpus}\non_crash = "preserve"\n`;
          let reason: string | null = null;
          const { domid } = await toolstack.request("create", { config, files, paused: true });
          toolstack.on("stopped", (stop) => {
            if (stop.domid === domid) ({ reason } = stop);
          });
          await toolstack.request("unpause", { domid });
          const stormed = await storms(toolstack, domid, () => reason !== null);
          const { log } = await toolstack.request("consoleAttach", { domid });
          const text = Buffer.from(log).toString("latin1");
          if (text !== "") expect(text).toMatch(/Linux version 6\.12\.\S+-rt-amd64/);
          if (reason === null) {
            // It runs still, in its storm, and what it says is of that alone.
            expect(stormed, `neither ended nor in a storm after ${PATIENCE_MS / 1000} s:\n${text.slice(-3000)}`).toBe(
              true,
            );
            expect(warnings(text).filter((line) => !STORM.test(line))).toEqual([]);
            await toolstack.request("destroy", { domid });
          } else {
            expect(reason, text.slice(-3000)).toBe("poweroff");
            expect(text).toMatch(/RT-DONE .*PREEMPT_RT/);
            expect(warnings(text)).toEqual([]);
            ended++;
          }
          expect(await toolstack.request("checkInvariants", {})).toBe(0);
          // One that has stopped is there until it is destroyed.
          await expect
            .poll(async () => (await toolstack.request("list", {})).map((each) => each.domid), { timeout: 20_000 })
            .toEqual([0]);
        }
        if (vcpus === 1) expect(ended).toBe(1);
      } finally {
        await host.powerOff();
      }
    },
    11 * PATIENCE_MS,
  );
});
