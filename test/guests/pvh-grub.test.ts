/** Debian's GRUB for PVH domains, unmodified: 32-bit code without paging, with hypercalls in their 32-bit layout, up to its prompt, which answers. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PvhHost } from "../hypervisor/pvh/pvh.ts";
import { debianPackage, packageMissing } from "./images.ts";

const PACKAGE = "grub-xen-host";
const missing = packageMissing(PACKAGE);

describe.skipIf(missing !== null)(`GRUB's PVH image${missing ? ` (${missing})` : ""}`, () => {
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open(1);
  }, 120_000);
  afterAll(() => host?.close());

  it("comes to its prompt and carries out a command", async () => {
    let text = "";
    const { toolstack } = host.host;
    toolstack.on("console", ({ bytes }) => (text += Buffer.from(bytes).toString("latin1")));
    const k = readFileSync(path.join(debianPackage(PACKAGE), "usr/lib/grub-xen/grub-i386-xen_pvh.bin"));
    const config = 'name = "grub"\ntype = "pvh"\nkernel = "k"\nmemory = 128\n';
    const { domid } = await toolstack.request("create", { config, files: { k } });
    await toolstack.request("consoleAttach", { domid });
    await host.until("GRUB's prompt", () => text.includes("grub> "));
    await toolstack.request("consoleInput", { domid, bytes: Buffer.from("echo a word: $grub_platform\r") });
    await host.until("its answer", () => /a word: xen_pvh/.test(text));
    const registers = await toolstack.request("inspectRegisters", { domid, vcpu: 0 });
    expect(registers).toMatchObject({ bits: 32, mode: "kernel" });
    expect(registers.control.find(({ name }) => name === "CR0")!.set).not.toContain("PG");
    expect(await host.violations()).toBe(0);
  }, 120_000);
});
