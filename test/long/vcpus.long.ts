/**
 * Guests that begin with one of several vCPUs, bring up the others while they work, and are destroyed in the middle of that, two at a time on one
 * host. Their kernels must report nothing wrong, the accounts of the hypervisor must be right, and nothing of the guests may be left.
 * XENARIUM_ROUNDS: how many pairs.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { XEN_HEAP_START } from "../../core/machine/layout.ts";
import { DEFAULT_BOOT_CONFIG } from "../../core/toolstack/boot-config.ts";
import { PoweredHost } from "../../core/toolstack/power.ts";
import { dist } from "../dist.ts";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { warnings } from "../guests/warnings.ts";

const ROUNDS = Number(process.env.XENARIUM_ROUNDS ?? 10);
/** ROOT_FREE_PAGES of core/hypervisor/memory/root.ts: the frames that nobody owns. */
const ROOT_FREE_PAGES = XEN_HEAP_START + 12;
/**
 * Frames that the hypervisor (core/hypervisor) takes when it first needs them, and keeps: a scratch page for each thread (memory/scratch), two pages
 * for each pCPU that carries out stores to page tables (memory/ptwr), and dom0's lists of what it has mapped (guest/native/frames, grant/table).
 */
const MOST_KEPT = 16;
const missing = guestsMissing();

/** Brings the vCPUs up as they come, and starts endless programs on as many as there may be. */
const SCRIPT = [
  "i=0; while [ $i -lt 8 ]; do (while true; do /bin/uname -r >/dev/null; done) & i=$((i+1)); done",
  "most=$(grep -o 'most=[0-9]*' /proc/cmdline | grep -o '[0-9]*'); said=0",
  "while true; do for f in /sys/devices/system/cpu/cpu*/online; do echo 1 2>/dev/null >$f; done",
  "n=$(nproc); [ $said = 0 ] && [ $n = $most ] && echo ALL-UP cpus=$n && said=1; usleep 50000; done",
].join("\n");

describe.skipIf(missing !== null)(`vCPUs come up under load${missing ? ` (${missing})` : ""}`, () => {
  let host: PoweredHost;
  let log = "";
  const text = new Map<number, string>();
  const stopped = new Map<number, string>();
  beforeAll(async () => {
    const boot = { ...DEFAULT_BOOT_CONFIG, entries: [{ title: "Host", cmdline: "dom0_mem=128M loglvl=all" }] };
    host = new PoweredHost({ memoryMiB: 1024, pcpus: 2, boot, imageFolder: dist });
    host.on("serial", ({ pieces }) => {
      log += Buffer.concat(pieces.map(({ bytes }) => bytes)).toString("latin1");
    });
    await host.start();
    host.toolstack.on("console", ({ domid, bytes }) =>
      text.set(domid, (text.get(domid) ?? "") + Buffer.from(bytes).toString("latin1")),
    );
    host.toolstack.on("stopped", ({ domid, reason }) => stopped.set(domid, reason));
  });
  afterAll(() => host?.powerOff());

  const until = async (what: string, domid: number, condition: () => boolean): Promise<void> => {
    for (const end = Date.now() + 300_000; !condition(); await new Promise((resolve) => setTimeout(resolve, 20)))
      if (Date.now() > end || stopped.has(domid))
        throw new Error(`no ${what} of ${domid} (${stopped.get(domid)}):\n${text.get(domid)}\n${log.slice(-2000)}`);
  };

  it.each(Array.from({ length: ROUNDS }, (_, round) => round))("round %i", async (round) => {
    const { toolstack } = host;
    const files = { kernel: readFileSync(debianKernel()), ramdisk: readFileSync(initramfs("ready", SCRIPT)) };
    const freeFrames = (): number => new Uint32Array(host.machine.memory.buffer)[ROOT_FREE_PAGES >> 2]!;
    const before = freeFrames();
    const guests: [domid: number, most: number][] = [];
    for (const most of [2, 4]) {
      const config =
        `name = "most${most}-${round}"\nkernel = "kernel"\nramdisk = "ramdisk"\nmemory = 256\nvcpus = 1\nmaxvcpus = ${most}\n` +
        `extra = "console=hvc0 loglevel=8 most=${most}"\non_crash = "destroy"\n`;
      const { domid } = await toolstack.request("create", { config, files, paused: true });
      await toolstack.request("consoleAttach", { domid });
      await toolstack.request("unpause", { domid });
      guests.push([domid, most]);
    }
    for (const [domid, most] of guests) {
      await until("GUEST-READY", domid, () => (text.get(domid) ?? "").includes("GUEST-READY"));
      await toolstack.request("setVcpus", { domid, vcpus: most });
    }
    for (const [domid, most] of guests) {
      await until("ALL-UP", domid, () => (text.get(domid) ?? "").includes(`ALL-UP cpus=${most}`));
      expect(await toolstack.request("checkInvariants", {}), log.slice(-2000)).toBe(0);
    }
    for (const [domid] of guests) {
      await toolstack.request("destroy", { domid });
      expect(warnings(text.get(domid)!)).toEqual([]);
    }
    expect(await toolstack.request("checkInvariants", {}), log.slice(-2000)).toBe(0);
    // The structures of a dead domain are kept for a grace time. Whoever then asks for the list of domains frees them.
    const left = async () => ({
      domains: (await toolstack.request("list", {})).map(({ domid }) => domid),
      kept: before - freeFrames() <= (round === 0 ? MOST_KEPT : 0),
    });
    await expect.poll(left, { timeout: 20_000 }).toEqual({ domains: [0], kept: true });
  });
});
