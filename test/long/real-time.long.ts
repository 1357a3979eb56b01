/**
 * Debian's real-time kernel (6.12-rt). On real Xen as here some of its boots end in a storm of its own making (core/hypervisor/README.md says which),
 * so not every boot can come to its end, and with several vCPUs perhaps none does. What the test demands: with one vCPU one boot that ends with
 * everything done and no complaint; and of those that do not end, that they are in that storm and nothing worse has happened: the guest runs, the
 * host is as well as before, and gets everything back when the guest is destroyed. A storm may come before the first word, because a real-time kernel
 * prints by a thread, which gets its turn a second or more after the start and then prints all there is at once.
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
/** The number of boots. With one vCPU at least one of them must come to its end. */
const MOST_BOOTS = { 1: 10, 2: 4 };
/** Within this time a boot has ended or is in the storm. The storm takes 4 s to show where nothing else runs. */
const PATIENCE_MS = Number(process.env.XENARIUM_PATIENCE ?? 120) * 1000;
/** The IPIs that a vCPU sends to itself in a second of the storm. 20,000 to 180,000 were seen. A boot without a storm has some hundreds. */
const STORM_IPIS = 2000;
/** The number of seconds, one after another, in each of which there must be that many. */
const STORM_SECONDS = 3;
/** What the kernel says about its storm: grace periods and CPUs that wait, and where they were. */
const STORM = /stall|soft lockup|Call Trace|NMI backtrace|blocked for more than/;

/** Whether the domain gets into the storm within the time given. False as soon as `ended` returns true. */
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
            // The guest still runs in its storm, and what it prints is about that alone.
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
          // A domain that has stopped is there until it is destroyed.
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
