/**
 * The target of a guest's balloon driver, memory/target. Debian's own driver follows it down and up, while Xen decides what it may have in the end.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import type { DomainInfo } from "../../core/toolstack/messages.ts";
import { builtHost } from "../built-host.ts";
import { bundledGuest } from "../dist.ts";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { onConsole } from "./on-console.ts";

const missing = guestsMissing();
const SYSFS = "/sys/devices/system/xen_memory/xen_memory0";
/** What libxl lets a domain have beyond its target, in MiB. */
const SLACK = 1;
let host: HostService;

const { ask, shown } = onConsole(() => host);

/** Its console answers every line that is typed, because it runs a shell. */
async function start(name: string, ...lines: string[]): Promise<number> {
  const config = [
    `name = "${name}"`,
    `kernel = "${debianKernel()}"`,
    `ramdisk = "${initramfs("shell")}"`,
    `cmdline = "console=hvc0 quiet"`,
    ...lines,
  ].join("\n");
  const { domid } = await ask("create", { config });
  await expect.poll(() => shown(domid), { timeout: 150_000, interval: 100 }).toMatch(/# (\x1b\[6n)?$/);
  return domid;
}
const info = async (domid: number): Promise<DomainInfo> => (await ask("list")).find((each) => each.domid === domid)!;
const has = (domid: number) =>
  expect.poll(async () => (await info(domid)).memoryMiB, { timeout: 30_000, interval: 50 });
async function types(domid: number, command: string, answer: RegExp): Promise<RegExpExecArray> {
  const from = (await shown(domid)).length;
  await ask("consoleInput", { domid, bytes: Buffer.from(`${command}\r`) });
  let found: RegExpExecArray | null = null;
  await expect
    .poll(async () => (found = answer.exec((await shown(domid)).slice(from))) !== null, { timeout: 100_000 })
    .toBe(true);
  return found!;
}

beforeAll(async () => {
  host = builtHost({ memoryMiB: 1024 });
  await host.powerOn();
});
afterAll(() => host.powerOff(1000));

describe.skipIf(missing !== null)(`memory/target${missing ? ` (${missing})` : ""}`, () => {
  it.each([
    ["pv", ["memory = 192", "maxmem = 320"]],
    ["pvh", ['type = "pvh"', "memory = 192", "maxmem = 320"]],
  ])(
    "is what a %s guest's balloon goes down and up to, up to its maxmem, and Xen gives it no more",
    async (name, lines) => {
      const domid = await start(name, ...lines);
      const free = async (): Promise<number> => (await ask("hostInfo")).freeMemoryMiB;
      const begins = (await info(domid)).memoryMiB;
      const before = await free();
      await ask("setMemory", { domid, memoryMiB: 128 });
      await has(domid).toBeLessThanOrEqual(128 + SLACK);
      expect(await free()).toBeGreaterThan(before + begins - 128 - 2 * SLACK);
      expect((await info(domid)).maxmemMiB).toBe(128 + SLACK);
      await ask("setMemory", { domid, memoryMiB: 320 });
      await has(domid).toBeGreaterThanOrEqual(319);
      // The memory can be used: this is more than fits into 128 MiB.
      await types(
        domid,
        "mount -t tmpfs -o size=200m tmpfs /tmp; dd if=/dev/zero of=/tmp/x bs=1M count=140; echo kept-$(wc -c < /tmp/x)",
        /kept-146800640/,
      );
      await ask("setMemory", { domid, memoryMiB: 192 });
      await types(domid, "rm /tmp/x; echo gone-$((1+1))", /gone-2/);
      await has(domid).toBeLessThanOrEqual(192 + SLACK);
      // Root in the guest may set its driver's target, but Xen counts.
      await types(domid, `echo 1048576 > ${SYSFS}/target_kb; echo asked-$((1+1))`, /asked-2/);
      await has(domid).toBe(192 + SLACK);
      await types(domid, "echo still-$((1+1))", /still-2/);
      expect((await info(domid)).memoryMiB).toBe(192 + SLACK);
      const { nodes } = await ask("xenstoreNodes", { paths: [`/local/domain/${domid}/memory/target`] });
      expect(nodes[0]).toMatchObject({ value: String(192 * 1024) });
      expect(JSON.stringify(nodes[0])).not.toMatch(new RegExp(`"(write|both)[^}]*${domid}|w${domid}|b${domid}`));
      expect(await ask("checkInvariants")).toBe(0);
      await ask("destroy", { domid });
    },
    300_000,
  );

  it("of a guest that does not follow stays without effect but as a limit; what can't be is refused", async () => {
    const config = `name = "deaf"\nkernel = "mini.elf"\nmemory = 32\nmaxmem = 48`;
    const files = { "mini.elf": readFileSync(bundledGuest) };
    const { domid } = await ask("create", { config, files });
    await ask("setMemory", { domid, memoryMiB: 16 });
    expect(await info(domid)).toMatchObject({ memoryMiB: 32, maxmemMiB: 16 + SLACK });
    await ask("setMemory", { domid, memoryMiB: 48 });
    expect(await info(domid)).toMatchObject({ memoryMiB: 32, maxmemMiB: 48 + SLACK });
    for (const memoryMiB of [0, -1, 0.0001, NaN, Infinity, 48.001, 1e9])
      await expect(ask("setMemory", { domid, memoryMiB }), String(memoryMiB)).rejects.toThrow(
        `deaf can have up to 48 MiB (its maxmem), not ${memoryMiB}.`,
      );
    await expect(ask("setMemory", { domid: 0, memoryMiB: 64 })).rejects.toThrow(/can't be done to Domain-0/);
    expect(await info(domid)).toMatchObject({ memoryMiB: 32, maxmemMiB: 48 + SLACK });
    // The maxmem of its next start is more than it could have now.
    await ask("updateConfig", { domid, config: config.replace("48", "64"), files });
    await expect(ask("setMemory", { domid, memoryMiB: 64 })).rejects.toThrow(/up to 48 MiB/);
    expect(await ask("domainSettings", { domid })).toMatchObject({ maxmemMiB: 48 });
    expect(await ask("checkInvariants")).toBe(0);
    await ask("destroy", { domid });
  });
});
