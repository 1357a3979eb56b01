/** xl dump-core: an ELF file that readelf understands, with every page of the guest and its vCPUs, of a guest that continues. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PoweredHost } from "../../core/toolstack/power.ts";
import { dist } from "../dist.ts";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { temporaryFolder } from "../temporary.ts";
import { onConsole } from "./on-console.ts";

const missing = guestsMissing();
const folder = temporaryFolder("core");
const PAGE = 4096;
/** struct vcpu_guest_context: user_regs.rip. */
const CONTEXT_BYTES = 5168;
const RIP = 648;
const MEMORY_MIB = 128;

describe.skipIf(missing !== null)(`dump-core${missing ? ` (${missing})` : ""}`, { timeout: 180_000 }, () => {
  let host: PoweredHost;
  let domid: number;
  const { says, types } = onConsole(() => host, 120_000);
  const dump = (file: string) => host.toolstack.request("dumpCore", { domid, file: path.join(folder, file) });
  const readelf = (...args: string[]): string => execFileSync("readelf", ["-W", ...args], { encoding: "utf8" });

  beforeAll(async () => {
    host = new PoweredHost({ memoryMiB: 256, pcpus: 1, imageFolder: dist });
    await host.start();
    const config = `name = "dumped"\nkernel = "${debianKernel()}"\nramdisk = "${initramfs("shell")}"\nextra = "console=hvc0 quiet"\nmemory = ${MEMORY_MIB}\n`;
    ({ domid } = await host.toolstack.request("create", { config }));
  });
  afterAll(() => host?.powerOff());

  it("has the format's sections and notes", async () => {
    await says(domid, /GUEST-INFO/);
    const file = path.join(folder, "core");
    const { bytes } = await dump("core");
    expect(statSync(file)).toMatchObject({ size: bytes });
    // Only the user may read what was a guest's memory.
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(readelf("-h", file)).toMatch(/Type: +CORE[\s\S]*Machine: +Advanced Micro Devices X86-64/);
    const sections = readelf("-S", file);
    for (const name of [".shstrtab", ".note.Xen", ".xen_prstatus", ".xen_shared_info", ".xen_p2m", ".xen_pages"])
      expect(sections).toContain(` ${name} `);
    const image = readFileSync(file);
    const at = (name: string): Buffer => {
      const [, offset, size] = new RegExp(`\\${name} +\\w+ +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+)`).exec(sections)!;
      return image.subarray(parseInt(offset!, 16), parseInt(offset!, 16) + parseInt(size!, 16));
    };
    // The four notes. readelf -n looks for a core file's notes in program headers, which this format does not have.
    const types: number[] = [];
    for (let rest = at(".note.Xen"); rest.length > 0; rest = rest.subarray(16 + rest.readUInt32LE(4))) {
      expect(rest.toString("latin1", 12, 16)).toBe("Xen\0");
      types.push(rest.readUInt32LE(8));
    }
    expect(types).toEqual([0x2000000, 0x2000001, 0x2000002, 0x2000003]);
    // The header note: magic of a PV domain, vCPUs, pages, and their size.
    const header = at(".note.Xen").subarray(16 + 16);
    const [magic, vcpus, pages, pageSize] = [0, 8, 16, 24].map((offset) => Number(header.readBigUInt64LE(offset)));
    expect({ magic, vcpus, pageSize }).toEqual({ magic: 0xf00febed, vcpus: 1, pageSize: PAGE });
    expect(pages).toBeGreaterThan((MEMORY_MIB - 8) * 256);
    expect(at(".xen_pages").length).toBe(pages! * PAGE);
    const p2m = at(".xen_p2m");
    const pfns = Array.from({ length: pages! }, (_, i) => Number(p2m.readBigUInt64LE(16 * i)));
    expect(pfns).toEqual(pfns.toSorted((a, b) => a - b));
    expect(new Set(pfns).size).toBe(pages);
    // Memory contains the kernel's own text. Its vCPU waits in the kernel, or computes in a program.
    expect(at(".xen_pages").includes("Linux version 6.1")).toBe(true);
    const context = at(".xen_prstatus");
    expect(context.length).toBe(CONTEXT_BYTES);
    expect(context.readBigUInt64LE(RIP)).toBeGreaterThan(0n);
  });

  it("lets the guest go on, also one that was paused before it is", async () => {
    await types(domid, "echo $((6*7))");
    await says(domid, /\n42/);
    await host.toolstack.request("pause", { domid });
    await dump("paused");
    const { stateString } = (await host.toolstack.request("list", {}))!.find((each) => each.domid === domid)!;
    expect(stateString).toMatch(/^-[b-]p---$/);
    await host.toolstack.request("unpause", { domid });
    expect(await host.toolstack.request("checkInvariants")).toBe(0);
  });

  it("says why a file can't be written, and leaves none behind", async () => {
    mkdirSync(path.join(folder, "taken"));
    await expect(dump("taken")).rejects.toThrow(/taken can't be written/);
    await expect(dump("none/core")).rejects.toThrow(/can't be written/);
    expect(execFileSync("ls", [folder], { encoding: "utf8" }).trim().split("\n").toSorted()).toEqual([
      "core",
      "paused",
      "taken",
    ]);
  });
});
