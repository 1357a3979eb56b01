/**
 * How long it takes to fork a Linux with a disk, depending on its memory and on the number of copies, and the processor's time that goes for it (of all threads
 * of the host, so of its guests too): figures for core/library/snapshots/README.md. Environment: XENARIUM_FORK_MIB, the sizes of the guest's memory (128,512);
 * XENARIUM_FORK_COPIES, the numbers of copies, one fork after the other (2,4,8), as far as a host has room for them; XENARIUM_FORK_FULL, the share of its
 * memory that the guest first fills with random data (0), for which one of 96 MiB has no room. XENARIUM_FORK_TYPE is pv or pvh, whose copies share its memory (pv).
 */
import { truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { connectInMemory } from "../api/in-memory.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "../guests/images.ts";
import { onConsole } from "../guests/on-console.ts";
import { temporaryFolder } from "../temporary.ts";

const missing = guestsMissing();
const SLOW = { timeout: 60_000, interval: 50 };
const FILLED = { timeout: 300_000, interval: 50 };
const numbers = (name: string, usual: string): number[] => (process.env[name] ?? usual).split(",").map(Number);
const SIZES = numbers("XENARIUM_FORK_MIB", "128,512");
const COPIES = numbers("XENARIUM_FORK_COPIES", "2,4,8");
const TYPE = process.env.XENARIUM_FORK_TYPE ?? "pv";
const [FULL = 0] = numbers("XENARIUM_FORK_FULL", "0");
/** Of the host: all domains of a fork, and what one of them may need once more where they share its memory. */
const MOST_MIB = 3584;
const HOST_MIB = Math.min(MOST_MIB, Math.max(1600, Math.max(...SIZES) * (2 + Math.max(...COPIES)) + 256));

describe.skipIf(missing !== null)("forks", () => {
  let host: HostService;
  let client: ApiClient;
  const folder = temporaryFolder("fork-figures");

  beforeAll(async () => {
    host = builtHost({ memoryMiB: HOST_MIB, pcpus: 2, libraryFolder: path.join(folder, "library") });
    await host.powerOn();
    client = connectInMemory(host, true).client;
  });
  afterAll(() => host.powerOff(0));

  /** Writes random data to a file that lies in memory. */
  const fill = async (domid: number, mib: number, shown: () => Promise<string>): Promise<void> => {
    const commands = `busybox mkdir /full; mount -t tmpfs -o size=100% full /full; busybox dd if=/dev/urandom of=/full/data bs=1M count=${mib}; echo FILLED-$?.\r`;
    await host.toolstack.request("consoleInput", { domid, bytes: Buffer.from(commands) });
    await expect.poll(shown, FILLED).toMatch(/FILLED-0\./);
  };

  it.each(SIZES)("of %s MiB", { timeout: 600_000 }, async (memory) => {
    const image = path.join(folder, `${memory}.img`);
    writeFileSync(image, "");
    truncateSync(image, 64 << 20);
    const config = [
      `name = "m${memory}"`,
      `type = "${TYPE}"`,
      `kernel = "${debianKernel()}"`,
      `ramdisk = "${initramfs("shell", undefined, {}, kernelModules("xen-blkfront"))}"`,
      `cmdline = "console=hvc0 no_console_suspend quiet"`,
      `memory = ${memory}`,
      `disk = ["${image},raw,xvda,rw"]`,
    ].join("\n");
    const { domid, uuid } = await client.request("create", { config });
    const shown = (): Promise<string> => onConsole(() => host).shown(domid);
    await expect.poll(shown, SLOW).toMatch(/GUEST-READY[\s\S]*# /);
    if (FULL > 0) await fill(domid, Math.round(memory * FULL), shown);
    for (const copies of COPIES) {
      if (memory * (copies + 2) + 256 > HOST_MIB) {
        console.log(`${TYPE}, ${memory} MiB, ${copies} copies: no host has room for so many`);
        continue;
      }
      const began = performance.now();
      const before = process.cpuUsage();
      const made = await client.request("domainFork", { uuid, copies });
      const took = performance.now() - began;
      const { user, system } = process.cpuUsage(before);
      console.log(
        `${TYPE}, ${memory} MiB${FULL > 0 ? `, ${FULL * 100} % full` : ""}, ${copies} ${copies === 1 ? "copy" : "copies"}: ${Math.round(took)} ms, stood still ${Math.round(made.stood)} ms, processor ${Math.round((user + system) / 1000)} ms`,
      );
      for (const each of made.copies) await client.request("destroy", { domid: each.domid });
      await vi.waitUntil(async () => (await client.request("list")).length === 2, SLOW);
      for (const each of made.copies) await client.request("keptDelete", { uuid: each.uuid });
    }
    await client.request("destroy", { domid });
    await vi.waitUntil(async () => (await client.request("list")).length === 1, SLOW);
  });
});
