/**
 * A small kernel of our own runs as a PVH domain, from its 32-bit entry to the events of a timer, and starts other vCPUs by INIT and start-up IPIs.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PvhHost, haveCompiler } from "./pvh.ts";

describe.skipIf(!haveCompiler)("a PVH kernel", () => {
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open();
  }, 120_000);
  afterAll(() => host.close());

  it("enters in protected mode, finds what Xen tells it, and is told of a timer's event", async () => {
    const domid = await host.start("hello world", { ramdisk: Buffer.from("module of the test") });
    const { reason, said } = await host.ended(domid);
    expect(said, host.log.slice(-3000)).toContain("END");
    expect(reason).toBe("poweroff");
    expect(said).toEqual(
      expect.arrayContaining([
        "PVH 32-bit entry",
        "PARAMETERS 0 behind 5a5a5a5a",
        "LONG cr0 at entry 11 hello 0",
        "START magic 336ec578 version 1 modules 1 cmdline hello world",
        "MAP 0 2000000 type 1",
        "MAP fc000000 8040 type 3",
        "MAP feff8000 8000 type 2",
        "RSDP fc008000 sum 0",
        "MODULE 18 bytes begins 75646f6d",
        "XEN leaves 40000005 XenVMMXenVMM",
        "LEAF4 5c vcpu 0",
        "FEATURES 0 12305",
        "PAGE version 40011",
        "MSR fault 13",
        "PORT ffffffff HOLE ffffffffffffffff",
        "APIC id 0 version 50014 base fee00900",
        "SHARED 0",
        "VIRQ 0",
        "VECTOR 0",
        "TIMER32 0 early 0",
        "TIMER32 0 comes 1",
        "EVENTS came vector 50",
      ]),
    );
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });

  it("starts other vCPUs from real mode and interrupts them", async () => {
    const domid = await host.start("vcpus=4", { vcpus: 4 });
    const { said } = await host.ended(domid);
    expect(said, host.log.slice(-3000)).toEqual(expect.arrayContaining(["VCPUS 4", "IPIS 100", "END"]));
  });

  it("has a timer in its APIC: once, periodic, and by its TSC", async () => {
    const { said } = await host.ended(await host.start("timer"));
    expect(said, host.log.slice(-3000)).toEqual(
      expect.arrayContaining([
        "COUNTS 1",
        "LOCKED 1",
        "ONCE early 0 current 0 again 0",
        "DIVIDED early 0 late 0",
        "STOPPED 0",
        "AGAIN early 0",
        "MASKED 0 counts 1",
        "UNMASKED 1",
        "MISSED 1",
        "OFF 0 entry 30070",
        "SHORT 1",
        "ANNOUNCED 1 in another mode 0",
        "CHANGED initial 0",
        "DEADLINE kept 1 early 0 after 0 initial 0",
        "PAST 1 cleared 0",
        "FAR 0 kept 1",
        "ILLEGAL 0 error 40",
        "RESERVED 0",
        "END",
      ]),
    );
  });

  it("reads, writes and locks across the end of its memory and of its APIC's page: what is there takes part, and the guest goes on", async () => {
    const { said } = await host.ended(await host.start("device"));
    const ones = "f".repeat(16);
    expect(said, host.log.slice(-3000)).toEqual(
      expect.arrayContaining([
        `READ edge ffffffff11223344 hole ${ones} apic ffffffff00000000`,
        "WRITE edge 99aabbcc",
        `WIDE ffffffff99aabbcc ${ones}`,
        // The value was 5 with ones above it, which take the carry and drop it.
        "ADD edge 6",
        "XCHG edge ffffffff00000006 then 1",
        "CMPXCHG edge ffffffff00000001 then 9",
        "CMPXCHG8B ffffffff ffffffff equal 0",
        `CMPXCHG16B ${ones} ${ones} equal 0`,
        "END",
      ]),
    );
    expect(await host.violations()).toBe(0);
  });

  it("keeps the rules of its APIC, its registers and its guest frames", async () => {
    const domid = await host.start("rules", { vcpus: 2 });
    const { said } = await host.ended(domid);
    expect(said, host.log.slice(-3000)).toEqual(
      expect.arrayContaining([
        "PRIORITY first 0 then 1",
        "OTHERS 1",
        "ALL 2",
        "LOWEST 1",
        "SMAP OFF 2",
        "MEMORY TYPES 0 1",
        "HYPERCALL PAGE 0 1 1",
        "REAL MODE hypercall -1",
        "RING 0 hypercall 40011",
        "RING 3 hypercall -1",
        `LOCKED at 30000000: ffffffff ffffffff ${"f".repeat(16)}, pairs ${"f".repeat(16)} ${"f".repeat(16)} ffffffff ffffffff`,
        "LOCKED at fee00080: 0 0 0, pairs 0 0 0 0",
        "PRIORITY kept 0",
        "REMOVE 0 reads ffffffffffffffff",
        "GRANT 0 over it -16",
        "UNGRANT 0",
        "XEN's frame given back 0",
        "MOVED 0",
        "POOL -12",
        "END",
      ]),
    );
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });
});
