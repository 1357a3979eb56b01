/** Debian's GRUB for PVH domains, unmodified: 32-bit code without paging, with hypercalls in their 32-bit layout, up to its prompt, which answers. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PvhHost } from "../hypervisor/pvh/pvh.ts";
import { debianPackage, packageMissing } from "./images.ts";
import { onConsole } from "./on-console.ts";

const PACKAGE = "grub-xen-host";
const missing = packageMissing(PACKAGE);

describe.skipIf(missing !== null)(`GRUB's PVH image${missing ? ` (${missing})` : ""}`, () => {
  let host: PvhHost;
  const { says, types } = onConsole(() => host.host);
  beforeAll(async () => {
    host = await PvhHost.open(1);
  }, 120_000);
  afterAll(() => host?.close());

  it("comes to its prompt and carries out a command", async () => {
    const { toolstack } = host.host;
    const k = readFileSync(path.join(debianPackage(PACKAGE), "usr/lib/grub-xen/grub-i386-xen_pvh.bin"));
    const config = 'name = "grub"\ntype = "pvh"\nkernel = "k"\nmemory = 128\n';
    const { domid } = await toolstack.request("create", { config, files: { k } });
    await says(domid, /grub> /);
    await types(domid, "echo a word: $grub_platform");
    await says(domid, /a word: xen_pvh/);
    const registers = await toolstack.request("inspectRegisters", { domid, vcpu: 0 });
    expect(registers).toMatchObject({ bits: 32, mode: "kernel" });
    expect(registers.control.find(({ name }) => name === "CR0")!.set).not.toContain("PG");
    expect(await host.violations()).toBe(0);
  }, 120_000);
});
