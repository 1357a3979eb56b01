/**
 * What Inspect says about a PVH vCPU in a known state: its registers with their hidden parts, its local APIC, both stages of its page tables, and its
 * memory.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import * as abi from "../../../core/abi/arch_x86.ts";
import type { ToolstackRequests } from "../../../core/toolstack/messages.ts";
import { temporaryFolder } from "../../temporary.ts";
import { PvhHost, haveCompiler } from "./pvh.ts";

const MARKER = "This stands in the memory of a PVH guest.";
const TABLES = "kernel" as const;
const RIP = abi.VCPU_GUEST_CONTEXT_USER_REGS + abi.CPU_USER_REGS_RIP;
const CR3 = abi.VCPU_GUEST_CONTEXT_CTRLREG + 3 * 8;

describe.skipIf(!haveCompiler)("a PVH vCPU", () => {
  let host: PvhHost;
  let domid: number;
  let marker: bigint;
  const registers = () => host.host.toolstack.request("inspectRegisters", { domid, vcpu: 0 });
  const walk = (address: bigint) =>
    host.host.toolstack.request("inspectWalk", { domid, vcpu: 0, tables: TABLES, address });
  const memory = (address: bigint, space: ToolstackRequests["inspectMemory"]["args"]["space"]) =>
    host.host.toolstack.request("inspectMemory", { domid, vcpu: 0, tables: TABLES, address, space, bytes: 64 });

  beforeAll(async () => {
    host = await PvhHost.open();
    domid = await host.start("inspected", { vcpus: 2 });
    await host.until("its state", () => host.said(domid).some((line) => line.startsWith("INSPECTED")));
    marker = BigInt(`0x${host.said(domid).at(-1)!.split(" ")[1]!}`);
    await vi.waitUntil(async () => (await registers()).blocked, { timeout: 30_000 });
  }, 120_000);
  afterAll(() => host.close());

  it("has control registers, segments with base, limit and attributes, descriptor tables and MSRs", async () => {
    const report = await registers();
    expect(report).toMatchObject({ online: true, mode: "kernel", bits: 64, ranMeanwhile: false });
    const control = Object.fromEntries(report.control.map(({ name, ...rest }) => [name, rest]));
    expect(control.CR0!.set).toEqual(expect.arrayContaining(["PE", "PG", "WP"]));
    expect(control.CR4!.set).toEqual(expect.arrayContaining(["PAE", "PGE"]));
    // The task priority is 0x20.
    expect(BigInt(control.CR8!.value)).toBe(2n);
    expect(report.rflags.set).toContain("IF");
    const segments = Object.fromEntries(report.segments.map(({ name, ...rest }) => [name, rest]));
    expect(segments.CS).toMatchObject({ selector: 8, attributes: ["execute/read", "DPL 0", "L", "G"] });
    expect(segments.DS).toMatchObject({ selector: 16, limit: 0xffffffff });
    expect(segments.GDTR).toMatchObject({ selector: null, limit: 31 });
    expect(segments.IDTR).toMatchObject({ limit: 256 * 16 - 1 });
    expect(report.msrs.find(({ name }) => name === "EFER")!.set).toEqual(["SCE", "LME", "LMA", "NXE"]);
    // The vCPU waits after its HLT instruction.
    const at = report.code.findIndex(({ address }) => address === report.rip.address);
    expect(report.code[at - 1]).toMatchObject({ text: "hlt" });
  });

  it("has a local APIC, with what is requested, what is in service, and its timer", async () => {
    const { apic } = await registers();
    expect(apic).toMatchObject({ mode: "xAPIC", enabled: true, isr: [0x61], irr: [0x51], tmr: [] });
    expect(apic!.base.set).toEqual(["BSP", "EN"]);
    const register = (name: string) => apic!.registers.find((each) => each.name === name)!;
    expect(BigInt(register("TPR").value)).toBe(0x20n);
    expect(register("LVT timer")).toMatchObject({ value: "0x0000000000030070", set: ["masked", "periodic"] });
  });

  it("has two stages: its own tables, and behind each entry Xen's", async () => {
    const report = await walk(marker);
    expect(report.steps.map(({ level }) => level)).toEqual([4, 3, 2]);
    expect(report.pageBytes).toBe(2 ** 21);
    expect(report.rights).toEqual({ writable: true, user: true, executable: true });
    // The guest maps its memory one to one.
    const last = report.steps.at(-1)!;
    expect(BigInt(last.second!.address)).toBe(marker);
    expect(last.frame).toMatchObject({ owner: `domain ${domid}`, pfn: Number(marker >> 12n) });
    for (const step of [{ second: report.rootSecond }, ...report.steps]) {
      const { steps, address, machine } = step.second!;
      expect(steps[0]!.level).toBe(4);
      const { owner, pfn } = await host.host.toolstack.request("inspectFrame", {
        mfn: Number(BigInt(machine!) >> 12n),
      });
      expect({ owner, pfn }).toEqual({ owner: `domain ${domid}`, pfn: Number(BigInt(address) >> 12n) });
    }
    expect(report.parts.map(({ kind }) => kind).join(" ")).toBe("sign index index index index offset");
    // The guest's own tables map the page of the APIC, and the second stage maps nothing there.
    const apic = await walk(0xfee00000n);
    expect(apic.steps).toHaveLength(3);
    expect(apic).toMatchObject({ machine: null });
    expect(apic.steps.at(-1)!.second!.end).toMatch(/No memory/);
    expect((await walk(0x40000000n)).end).toMatch(/L3 entry 1 is not present/);
    expect((await walk(0x8000000000000000n)).end).toMatch(/not canonical/);
  });

  it("has its memory by virtual and by guest-physical address, and the machine frame behind it", async () => {
    const text = (bytes: Uint8Array | null) => Buffer.from(bytes!).toString("latin1").slice(0, MARKER.length);
    const virtual = await memory(marker, "virtual");
    const physical = await memory(marker, "pseudo-physical");
    expect(text(virtual.pieces[0]!.bytes)).toBe(MARKER);
    expect(text(physical.pieces[0]!.bytes)).toBe(MARKER);
    const { mfn } = physical.pieces[0]!;
    expect(BigInt((await walk(marker)).machine!) >> 12n).toBe(BigInt(mfn!));
    expect((await memory(0xfee00000n, "virtual")).pieces[0]!.bytes).toBeNull();
    expect((await memory(0x30000000n, "pseudo-physical")).pieces[0]).toMatchObject({ bytes: null, mfn: null });
  });

  it("is dumped as a domain that numbers its frames itself, with its pages by these numbers", async () => {
    const file = path.join(temporaryFolder("pvh-core"), "core");
    const { bytes } = await host.host.toolstack.request("dumpCore", { domid, file });
    const image = readFileSync(file);
    expect(image.length).toBe(bytes);
    const sections = execFileSync("readelf", ["-SW", file], { encoding: "utf8" });
    const at = (name: string): Buffer => {
      const [, offset, size] = new RegExp(`\\${name} +\\w+ +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+)`).exec(sections)!;
      return image.subarray(parseInt(offset!, 16), parseInt(offset!, 16) + parseInt(size!, 16));
    };
    expect(sections).not.toContain(".xen_p2m");
    // After the empty note comes the header: the magic number of such a domain, the vCPUs that are up, the number of pages and their size.
    const header = at(".note.Xen").subarray(16 + 16);
    const [magic, vcpus, pages, pageSize] = [0, 8, 16, 24].map((offset) => Number(header.readBigUInt64LE(offset)));
    expect({ magic, vcpus, pageSize }).toEqual({ magic: 0xf00febee, vcpus: 1, pageSize: 4096 });
    expect(pages).toBe(32 * 256);
    const gfns = Array.from({ length: pages! }, (_, i) => Number(at(".xen_pfn").readBigUInt64LE(8 * i)));
    expect(gfns).toEqual(Array.from({ length: pages! }, (_, i) => i));
    const place = Number(marker);
    expect(at(".xen_pages").toString("latin1", place, place + MARKER.length)).toBe(MARKER);
    // struct vcpu_guest_context: RIP must be what Inspect says, and CR3 too.
    const { rip, control } = await registers();
    const context = at(".xen_prstatus");
    expect(context.readBigUInt64LE(RIP)).toBe(BigInt(rip.address));
    expect(context.readBigUInt64LE(CR3)).toBe(BigInt(control.find(({ name }) => name === "CR3")!.value));
  });

  it("says of a vCPU that is down that it has no registers; and nothing has changed", async () => {
    await expect(host.host.toolstack.request("inspectRegisters", { domid, vcpu: 1 })).rejects.toThrow(
      /not been brought up/,
    );
    expect((await registers()).apic).toMatchObject({ isr: [0x61], irr: [0x51] });
    expect(await host.violations()).toBe(0);
  });

  it("that changes its tables, its stack and what they name in every turn is looked at, and so is one that ends meanwhile", async () => {
    const { toolstack } = host.host;
    const other = await host.start("changing");
    await host.until("its state", () => host.said(other).some((line) => line.startsWith("INSPECTED")));
    const at = { domid: other, vcpu: 0 };
    const addresses = [
      ...[0n, 0xfffn, 0x1000n, marker, 0xfee00ff8n, 0x8000000000n, 0x8000000ffdn, 0x7fffffffffffn, 0x800000000000n],
      ...[0xffff800000000000n, 0xffffff8000000000n, 0xfffffffffffff000n, 0xffffffffffffffffn, 1n << 52n],
      ...Array.from({ length: 32 }, (_, n) => BigInt(n) << 39n),
    ];
    const refusals: string[] = [];
    const look = async (): Promise<void> => {
      for (const address of addresses) {
        const looks = [
          toolstack.request("inspectRegisters", at),
          toolstack.request("inspectWalk", { ...at, tables: TABLES, address }),
          ...(["virtual", "pseudo-physical"] as const).map((space) =>
            toolstack.request("inspectMemory", { ...at, tables: TABLES, address, space, bytes: 4096 }),
          ),
        ];
        for (const each of await Promise.allSettled(looks))
          if (each.status === "rejected") refusals.push(`${each.reason.code}: ${each.reason.message}`);
          else
            expect(
              JSON.stringify(each.value, (_, value) => (typeof value === "bigint" ? `${value}` : value)).length,
            ).toBeLessThan(200_000);
      }
    };
    await look();
    expect(refusals).toEqual([]);
    // A table whose entries all name that table: the walk has four steps, and the page at its end is the table itself.
    const walk = await toolstack.request("inspectWalk", { ...at, tables: TABLES, address: 0x8000000000n });
    expect(new Set(walk.steps.slice(1).map(({ index, value }) => `${index} ${value}`)).size).toBe(1);
    expect(walk.steps).toHaveLength(4);
    const last = look();
    await toolstack.request("destroy", { domid: other });
    await last;
    await look();
    expect(new Set(refusals)).toEqual(new Set([`ESRCH: There is no domain ${other}.`]));
    expect(await host.violations()).toBe(0);
  });
});
