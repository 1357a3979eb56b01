/** How long forks of a Linux with a disk take, by its memory and the number of copies: figures for core/library/snapshots/README.md. */
import { truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import { HostService } from "../../core/api/host-service.ts";
import { connectInMemory } from "../api/in-memory.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "../guests/images.ts";
import { temporaryFolder } from "../temporary.ts";

const dist = pathToFileURL(path.resolve(import.meta.dirname, "../../dist") + path.sep);
const missing = guestsMissing();
const SLOW = { timeout: 60_000, interval: 50 };

describe.skipIf(missing !== null)("forks", () => {
  let host: HostService;
  let client: ApiClient;
  const folder = temporaryFolder("fork-figures");

  beforeAll(async () => {
    host = new HostService({
      imageFolder: dist,
      bundledGuest: new URL("assets/guests/mini.elf", dist),
      memoryMiB: 1600,
      pcpus: 2,
      libraryFolder: path.join(folder, "library"),
    });
    await host.powerOn();
    client = connectInMemory(host, true).client;
  });
  afterAll(() => host.powerOff(0));

  it.each([96, 256])("of %s MiB", { timeout: 600_000 }, async (memory) => {
    const image = path.join(folder, `${memory}.img`);
    writeFileSync(image, "");
    truncateSync(image, 64 << 20);
    const config = [
      `name = "m${memory}"`,
      `kernel = "${debianKernel()}"`,
      `ramdisk = "${initramfs("shell", undefined, {}, kernelModules("xen-blkfront"))}"`,
      `cmdline = "console=hvc0 no_console_suspend quiet"`,
      `memory = ${memory}`,
      `disk = ["${image},raw,xvda,rw"]`,
    ].join("\n");
    const { domid, uuid } = await client.request("create", { config });
    const shown = async (): Promise<string> =>
      Buffer.from((await host.toolstack.request("consoleAttach", { domid })).log).toString("latin1");
    await expect.poll(shown, SLOW).toMatch(/GUEST-READY[\s\S]*# /);
    for (const copies of [1, 3]) {
      const began = performance.now();
      const made = await client.request("domainFork", { uuid, copies });
      const took = performance.now() - began;
      console.log(
        `${memory} MiB, ${copies} ${copies === 1 ? "copy" : "copies"}: ${Math.round(took)} ms, stood still ${Math.round(made.stood)} ms`,
      );
      for (const each of made.copies) await client.request("destroy", { domid: each.domid });
      await vi.waitUntil(async () => (await client.request("list")).length === 2, SLOW);
      for (const each of made.copies) await client.request("keptDelete", { uuid: each.uuid });
    }
    await client.request("destroy", { domid });
    await vi.waitUntil(async () => (await client.request("list")).length === 1, SLOW);
  });
});
