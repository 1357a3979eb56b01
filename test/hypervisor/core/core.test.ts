import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { XEN_DOMCTL_getdomaininfo, XEN_DOMINF_dying, XEN_DOMINF_paused } from "../../../core/abi/domctl.ts";
import { SHUTDOWN_reboot } from "../../../core/abi/sched.ts";
import { XEN_SYSCTL_physinfo } from "../../../core/abi/sysctl.ts";
import { DOMID_FIRST_RESERVED, VIRQ_DOM_EXC } from "../../../core/abi/xen.ts";
import { HypercallError } from "../../../core/dom0/kernel/errno.ts";
import * as layout from "../../../core/machine/layout.ts";
import { attachDom0, compileCore, Machine, refusal, type Dom0 } from "./machine.ts";

/** From domain/domain.ts. */
const ROOT_LAST_DOMID = layout.XEN_HEAP_START + 0x1050;
const UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

let machine: Machine;
let dom0: Dom0;
let module: WebAssembly.Module;

beforeAll(async () => {
  module = await compileCore();
  machine = new Machine(module);
  await machine.stage(layout.BOOT_STAGE_DOM0_BUILT);
  dom0 = attachDom0(machine);
});

afterAll(async () => {
  await machine.off();
  expect(machine.errors).toEqual([]);
});

describe("boot", () => {
  it("logs in Xen's manner", () => {
    const text = machine.serial();
    expect(text).toContain("(XEN) Xen version 4.17");
    expect(text).toContain("(XEN) Command line: dom0_mem=16M loglvl=all guest_loglvl=all\n");
    expect(text).toContain("(XEN) System RAM: 112MB (114688kB)\n");
    expect(text).toContain("(XEN) Using scheduler: SMP Credit Scheduler (credit)\n");
    expect(text).toContain("(XEN) Brought up 2 CPUs\n");
    expect(text).toContain("(XEN) Guest Loglevel: All\n");
    expect(text).not.toContain("unknown!");
  });

  it("keeps the log for readconsole, incrementally and cleared", () => {
    const whole = dom0.calls.host.readConsole();
    expect(whole).toContain("Brought up 2 CPUs");
    expect(dom0.calls.host.readConsole(true)).toBe(whole);
    expect(dom0.calls.host.readConsole()).toBe("");
  });

  it("notes unknown parameters and goes on", async () => {
    const other = new Machine(module, { pcpus: 1, cmdline: "dom0_mem=8M frobnicate=3 loglvl=loud sched=null" });
    await other.stage(layout.BOOT_STAGE_DOM0_BUILT);
    expect(other.serial()).toContain('(XEN) parameter "frobnicate" unknown!\n');
    expect(other.serial()).toContain('(XEN) parameter "loglvl" has invalid value "loud", rc=-22!\n');
    const it = attachDom0(other);
    expect(it.calls.domains.info(0)?.totPages).toBe(2048);
    await other.off();
  });

  it("refuses a second thread for dom0, and domains that are not there", () => {
    const instance = machine.instance();
    expect(instance.native_attach(0, 0)).toBe(-16);
    expect(instance.native_attach(0, 1)).toBe(-3);
    expect(instance.native_attach(7, 0)).toBe(-3);
    expect(instance.native_hypercall(17, 0n, 0n, 0n, 0n, 0n)).toBe(-3n);
  });
});

describe("xen_version", () => {
  it("says 4.17 with the capabilities that it has", () => {
    expect(dom0.calls.host.version()).toEqual({ major: 4, minor: 17 });
    expect(dom0.calls.host.extraVersion()).toMatch(/^\.\d+-xenarium$/);
    expect(dom0.calls.host.capabilities()).toBe("xen-3.0-x86_64 hvm-3.0-x86_64 ");
    expect(dom0.calls.host.platformParameters()).toBe(0xffff800000000000n);
    expect(dom0.calls.host.commandLine()).toBe("dom0_mem=16M loglvl=all guest_loglvl=all");
    expect(dom0.calls.host.compileInfo().compiler).toContain("AssemblyScript");
  });

  it("refuses what it does not know, and bad pointers", () => {
    const call = (nr: number, ...args: bigint[]): bigint =>
      dom0.core.native_hypercall(nr, args[0] ?? 0n, args[1] ?? 0n, args[2] ?? 0n, 0n, 0n);
    expect(call(17, 99n, 0n)).toBe(-38n);
    // Memory that is not dom0's: the hypervisor's own, beyond the end, and ranges that wrap around.
    for (const bad of [0x201000n, 0xfffff000n, 0xffffffffffffff00n, 1n << 40n]) expect(call(17, 1n, bad)).toBe(-14n);
    expect(call(63)).toBe(-38n);
    expect(call(0)).toBe(-38n);
    // HVMOP_set_param with an invalid pointer, and an operation that does not exist.
    expect(call(34, 0n, 0n)).toBe(-14n);
    expect(call(34, 99n, 0n)).toBe(-38n);
    expect(dom0.core.native_hypercall(-1, 0n, 0n, 0n, 0n, 0n)).toBe(-38n);
  });
});

describe("domctl", () => {
  it("refuses another interface version", () => {
    const at = dom0.frames.allocate() * 4096;
    dom0.physical.set32(at, XEN_DOMCTL_getdomaininfo);
    dom0.physical.set32(at + 4, 0x14);
    expect(dom0.core.native_hypercall(36, BigInt(at), 0n, 0n, 0n, 0n)).toBe(-13n);
    dom0.physical.set32(at, XEN_SYSCTL_physinfo);
    expect(dom0.core.native_hypercall(35, BigInt(at), 0n, 0n, 0n, 0n)).toBe(-13n);
  });

  it("creates, fills, describes and destroys domains, and gets every frame back", async () => {
    // The first memory call of a thread takes a scratch page for good.
    dom0.calls.frames.populatePhysmap(0, 0, 1, new Float64Array(1));
    const free = dom0.calls.host.physicalInfo().freePages;
    const domid = dom0.calls.domains.create(UUID, 4);
    expect(domid).toBeGreaterThan(0);
    dom0.calls.domains.setMaxMemory(domid, 4096 * 4);
    dom0.calls.domains.setMaxVcpus(domid, 3);
    const mfns = new Float64Array(4096);
    expect(dom0.calls.frames.populatePhysmap(domid, 0, 4096, mfns)).toBe(4096);
    expect(dom0.calls.frames.populatePhysmap(domid, 0, 1, mfns)).toBe(0);
    const info = dom0.calls.domains.info(domid)!;
    expect(info.handle).toBe(UUID);
    expect(info.totPages).toBe(4096);
    expect(info.maxPages).toBe(4096);
    expect(info.maxVcpuId).toBe(2);
    expect(info.onlineVcpus).toBe(0);
    expect(info.flags & XEN_DOMINF_paused).toBeTruthy();
    expect(dom0.calls.host.listDomains().map((d) => d.domid)).toEqual([0, domid]);
    expect(refusal(() => dom0.calls.domains.setMaxVcpus(domid, 5))).toBe("EINVAL");
    expect(refusal(() => dom0.calls.domains.pause(0))).toBe("EINVAL");
    expect(refusal(() => dom0.calls.domains.destroy(0))).toBe("EINVAL");
    expect(refusal(() => dom0.calls.domains.destroy(domid + 1))).toBe("ESRCH");
    expect(dom0.core.check_invariants()).toBe(0);
    dom0.calls.domains.destroy(domid);
    expect(dom0.calls.domains.info(domid)).toBeNull();
    // The structures are kept a moment longer for whoever still looks at them.
    const end = Date.now() + 6000;
    while (dom0.calls.host.physicalInfo().freePages !== free && Date.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(dom0.calls.host.physicalInfo().freePages).toBe(free);
    expect(dom0.core.check_invariants()).toBe(0);
  }, 20_000);

  it("keeps what a vCPU's context has no room for, and takes nothing that is no address", () => {
    const domid = dom0.calls.domains.create(UUID, 1);
    dom0.calls.domains.setMaxVcpus(domid, 1);
    const context = dom0.calls.vcpus.getExtContext(domid, 0);
    const view = new DataView(context.buffer);
    expect([view.getUint32(4, true), view.getBigUint64(8, true), view.getBigUint64(16, true)]).toEqual([64, 0n, 0n]);
    view.setBigUint64(8, 0xffffffff81000010n, true);
    view.setBigUint64(16, 0xffffffff81000020n, true);
    view.setUint8(28, 1);
    dom0.calls.vcpus.setExtContext(domid, 0, context);
    expect(dom0.calls.vcpus.getExtContext(domid, 0)).toEqual(context);
    view.setBigUint64(8, 0x8000000000000000n, true);
    expect(refusal(() => dom0.calls.vcpus.setExtContext(domid, 0, context))).toBe("EINVAL");
    view.setBigUint64(8, 0n, true);
    view.setUint32(4, 31, true);
    expect(refusal(() => dom0.calls.vcpus.setExtContext(domid, 0, context))).toBe("EINVAL");
    expect(refusal(() => dom0.calls.vcpus.getExtContext(domid, 1))).toBe("ESRCH");
    expect(refusal(() => dom0.calls.vcpus.getExtContext(0, 0))).toBe("EINVAL");
    dom0.calls.domains.destroy(domid);
  });

  it("keeps a dead domain as long as somebody holds a frame of it", () => {
    const domid = dom0.calls.domains.create(UUID, 1);
    dom0.calls.domains.setMaxMemory(domid, 64);
    const mfns = new Float64Array(4);
    expect(dom0.calls.frames.populatePhysmap(domid, 0, 4, mfns)).toBe(4);
    const native = (...args: number[]): bigint =>
      dom0.core.native_hypercall(55, BigInt(args[0]!), BigInt(args[1]!), BigInt(args[2]!), 0n, 0n);
    // This is its machine frame number. A domain with a second stage uses another number for the frame.
    expect(native(0, domid, mfns[1]!)).toBe(BigInt(mfns[1]!));
    expect(native(0, domid, mfns[1]!)).toBe(BigInt(mfns[1]!));
    // Held frames may be named in hypercalls, but not other frames of that domain.
    expect(dom0.core.native_hypercall(17, 4n, BigInt(mfns[1]! * 4096), 0n, 0n, 0n)).toBe(0n);
    expect(dom0.core.native_hypercall(17, 4n, BigInt(mfns[2]! * 4096), 0n, 0n, 0n)).toBe(-14n);
    expect(native(0, 0, mfns[2]!)).toBe(-22n);
    dom0.calls.domains.destroy(domid);
    const zombie = dom0.calls.domains.info(domid)!;
    expect(zombie.flags & XEN_DOMINF_dying).toBeTruthy();
    expect(zombie.totPages).toBe(1);
    expect(native(1, domid, mfns[2]!)).toBe(-22n);
    expect(native(1, domid, mfns[1]!)).toBe(0n);
    expect(dom0.calls.domains.info(domid)?.totPages).toBe(1);
    expect(native(1, domid, mfns[1]!)).toBe(0n);
    expect(dom0.calls.domains.info(domid)).toBeNull();
    expect(native(1, domid, mfns[1]!)).toBe(-22n);
  });

  it("holds thousands of a domain's frames, those that are written with their type, and gives all of them back", () => {
    const domid = dom0.calls.domains.create(UUID, 1);
    const count = 3000;
    dom0.calls.domains.setMaxMemory(domid, count * 4);
    const mfns = new Float64Array(count);
    expect(dom0.calls.frames.populatePhysmap(domid, 0, count, mfns)).toBe(count);
    const native = (operation: number, mfn: number): bigint =>
      dom0.core.native_hypercall(55, BigInt(operation), BigInt(domid), BigInt(mfn), 0n, 0n);
    for (let round = 0; round < 3; round++) {
      const free = dom0.calls.host.physicalInfo().freePages;
      for (const mfn of mfns) expect(native(0, mfn)).toBe(BigInt(mfn));
      for (const mfn of mfns.subarray(0, 700)) expect(native(10, mfn)).toBe(BigInt(mfn));
      expect(dom0.core.check_invariants()).toBe(0);
      expect(dom0.calls.host.physicalInfo().freePages).toBeLessThan(free);
      // The two kinds of holds are separate.
      expect(native(11, mfns[700]!)).toBe(-22n);
      for (const mfn of mfns.subarray(0, 700)) expect(native(11, mfn)).toBe(0n);
      expect(native(11, mfns[0]!)).toBe(-22n);
      expect(dom0.core.check_invariants()).toBe(0);
      for (const mfn of mfns) expect(native(1, mfn)).toBe(0n);
      expect(native(1, mfns[0]!)).toBe(-22n);
      expect(dom0.calls.host.physicalInfo().freePages).toBe(free);
    }
    expect(native(10, 2 ** 33)).toBe(-22n);
    dom0.calls.domains.destroy(domid);
    expect(dom0.calls.domains.info(domid)).toBeNull();
  });

  it("never gives a domid twice in a row, and keeps the list in order", () => {
    const made = Array.from({ length: 5 }, () => dom0.calls.domains.create(UUID, 1));
    expect(new Set(made).size).toBe(5);
    dom0.calls.domains.destroy(made[2]!);
    const next = dom0.calls.domains.create(UUID, 1);
    expect(made).not.toContain(next);
    const listed = dom0.calls.host.listDomains().map((d) => d.domid);
    expect(listed).toEqual([...listed].sort((a, b) => a - b));
    for (const domid of [made[0]!, made[1]!, made[3]!, made[4]!, next]) dom0.calls.domains.destroy(domid);
    expect(dom0.calls.host.listDomains().map((d) => d.domid)).toEqual([0]);
  });

  it("begins again behind the last domid there can be, and passes over those that are taken", () => {
    const first = dom0.calls.domains.create(UUID, 1);
    dom0.physical.set32(ROOT_LAST_DOMID, DOMID_FIRST_RESERVED - 2);
    const last = dom0.calls.domains.create(UUID, 1);
    expect(last).toBe(DOMID_FIRST_RESERVED - 1);
    dom0.physical.set32(ROOT_LAST_DOMID, first - 1);
    const passed = dom0.calls.domains.create(UUID, 1);
    expect(passed).toBe(first + 1);
    dom0.physical.set32(ROOT_LAST_DOMID, DOMID_FIRST_RESERVED - 2);
    const again = dom0.calls.domains.create(UUID, 1);
    expect(again).toBe(1);
    for (const domid of [first, last, passed, again]) dom0.calls.domains.destroy(domid);
    expect(dom0.calls.host.listDomains().map((d) => d.domid)).toEqual([0]);
    dom0.physical.set32(ROOT_LAST_DOMID, passed);
  });

  it("weight, cap and affinity are kept and checked", () => {
    const domid = dom0.calls.domains.create(UUID, 2);
    dom0.calls.domains.setMaxVcpus(domid, 2);
    expect(dom0.calls.domains.getCredit(domid)).toEqual({ weight: 256, cap: 0 });
    dom0.calls.domains.setCredit(domid, 512, 50);
    expect(dom0.calls.domains.getCredit(domid)).toEqual({ weight: 512, cap: 50 });
    dom0.calls.vcpus.setAffinity(domid, 1, { hard: 2 });
    expect(dom0.calls.vcpus.getAffinity(domid, 1)).toEqual({ hard: 2, soft: 0xffffffff });
    dom0.calls.vcpus.setAffinity(domid, 0, { soft: 1 });
    expect(dom0.calls.vcpus.getAffinity(domid, 0)).toEqual({ hard: 3, soft: 1 });
    expect(refusal(() => dom0.calls.vcpus.setAffinity(domid, 0, { hard: 0xf0 }))).toBe("EINVAL");
    expect(refusal(() => dom0.calls.vcpus.setAffinity(domid, 2, { hard: 1 }))).toBe("EINVAL");
    dom0.calls.domains.destroy(domid);
  });

  it("runs out of memory with ENOMEM or fewer frames, and recovers", () => {
    const domids: number[] = [];
    let total = 0;
    for (let i = 0; i < 4; i++) {
      const domid = dom0.calls.domains.create(UUID, 1);
      domids.push(domid);
      dom0.calls.domains.setMaxMemory(domid, 64 * 1024);
      const mfns = new Float64Array(16384);
      const got = dom0.calls.frames.populatePhysmap(domid, 0, 16384, mfns);
      total += got;
      if (got < 16384) break;
    }
    expect(total).toBeLessThan(32768);
    const codes = new Set<string>();
    for (let i = 0; i < 2000; i++) {
      try {
        domids.push(dom0.calls.domains.create(UUID, 1));
      } catch (error) {
        codes.add((error as HypercallError).code);
        break;
      }
    }
    expect([...codes]).toEqual(["ENOMEM"]);
    for (const domid of domids) dom0.calls.domains.destroy(domid);
    expect(dom0.calls.host.listDomains().map((d) => d.domid)).toEqual([0]);
    expect(dom0.core.check_invariants()).toBe(0);
  }, 20_000);
});

describe("set_virq_handler", () => {
  const TIMER = 0;
  const CON_RING = 8;
  const MCA = 16;
  const NR_VIRQS = 24;

  it("takes a global VIRQ and a domain that lives", () => {
    const domid = dom0.calls.domains.create(UUID, 1);
    for (const virq of [VIRQ_DOM_EXC, CON_RING, MCA]) dom0.calls.domains.setVirqHandler(domid, virq);
    for (const virq of [TIMER, 1, 7, 13, NR_VIRQS, 0xffffffff])
      expect(
        refusal(() => dom0.calls.domains.setVirqHandler(domid, virq)),
        String(virq),
      ).toBe("EINVAL");
    expect(refusal(() => dom0.calls.domains.setVirqHandler(domid + 1, VIRQ_DOM_EXC))).toBe("ESRCH");
    dom0.calls.domains.setVirqHandler(0, VIRQ_DOM_EXC);
    dom0.calls.domains.destroy(domid);
  });

  it("sends what happens there, and to dom0 again when that domain is gone", () => {
    const port = dom0.calls.ports.bindVirq(VIRQ_DOM_EXC);
    const pending = (): boolean => {
      const word = dom0.sharedInfo + 2048 + (port >> 6) * 8;
      const bit = 1n << BigInt(port & 63);
      const value = dom0.physical.get64(word);
      dom0.physical.set64(word, value & ~bit);
      return (value & bit) !== 0n;
    };
    /** Its end is reported by DOM_EXC. */
    const end = (domid: number): boolean => {
      pending();
      dom0.calls.domains.destroy(domid);
      return pending();
    };
    const handler = dom0.calls.domains.create(UUID, 1);
    expect(end(dom0.calls.domains.create(UUID, 1))).toBe(true);
    dom0.calls.domains.setVirqHandler(handler, VIRQ_DOM_EXC);
    expect(end(dom0.calls.domains.create(UUID, 1))).toBe(false);
    expect(end(handler)).toBe(true);
    expect(end(dom0.calls.domains.create(UUID, 1))).toBe(true);
    dom0.calls.ports.close(port);
  });
});

describe("sysctl", () => {
  it("describes the host", () => {
    const info = dom0.calls.host.physicalInfo();
    expect(info.nrCpus).toBe(2);
    expect(info.totalPages).toBe(32768);
    expect(info.cpuKhz).toBe(1_000_000);
    expect(dom0.calls.host.schedulerId()).toBe(5);
  });

  it("an idle host is idle", async () => {
    const before = dom0.calls.host.cpuIdleTimes();
    const start = performance.now();
    // This waits for nothing: it is the time over which idleness is measured.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const elapsed = (performance.now() - start) * 1e6;
    dom0.calls.host.cpuIdleTimes().forEach((time, i) => expect(time - before[i]!).toBeGreaterThan(elapsed * 0.9));
  });
});

describe("console_io", () => {
  it("dom0 writes to the serial port as it is", () => {
    dom0.calls.host.writeConsole("hello from dom0\n");
    expect(machine.serial().endsWith("hello from dom0\n")).toBe(true);
  });
  it("refuses memory that is not the caller's", () => {
    expect(dom0.core.native_hypercall(18, 0n, 16n, 0x201000n, 0n, 0n)).toBe(-14n);
    expect(dom0.core.native_hypercall(18, 5n, 16n, 0x201000n, 0n, 0n)).toBe(-38n);
  });
});

describe("multicall", () => {
  it("runs each call and stores its result; refuses to nest", () => {
    const at = dom0.frames.allocate() * 4096;
    const { physical } = dom0;
    const entry = (i: number, op: number, ...args: number[]): void => {
      physical.set64(at + 64 * i, op);
      args.forEach((value, n) => physical.set64(at + 64 * i + 16 + 8 * n, value));
    };
    entry(0, 17, 0);
    entry(1, 13, at, 1);
    entry(2, 62);
    entry(3, 17, 6, at + 2048);
    expect(dom0.core.native_hypercall(13, BigInt(at), 4n, 0n, 0n, 0n)).toBe(0n);
    const result = (i: number): bigint => BigInt.asIntN(64, physical.get64(at + 64 * i + 8));
    expect(result(0)).toBe(0x40011n);
    expect(result(1)).toBe(-22n);
    expect(result(2)).toBe(-38n);
    expect(result(3)).toBe(0n);
    // dom0, vnode, preserve_ad, highmem, avail_bits, direct_mapped
    expect(physical.get32(at + 2052)).toBe((1 << 11) | (1 << 13) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 17));
    expect(dom0.core.native_hypercall(13, 0x201000n, 1n, 0n, 0n, 0n)).toBe(-14n);
  });
});

describe("power", () => {
  it("dom0's shutdown is the host's", async () => {
    const other = new Machine(module, { pcpus: 2 });
    await other.stage(layout.BOOT_STAGE_DOM0_BUILT);
    const it = attachDom0(other);
    it.calls.host.shutdown(SHUTDOWN_reboot);
    expect(Atomics.load(other.words, layout.BOOT_POWER >> 2)).toBe(layout.POWER_REBOOT);
    expect(other.serial()).toContain("Hardware Dom0 shutdown: rebooting machine");
    await other.off();
  });

  it("a host without memory for dom0 panics with the reason", async () => {
    const other = new Machine(module, { pcpus: 1, memoryMiB: 64, cmdline: "dom0_mem=4G" });
    await expect
      .poll(() => Atomics.load(other.words, layout.BOOT_POWER >> 2), { timeout: 20_000 })
      .toBe(layout.POWER_CRASHED);
    expect(Atomics.load(other.words, layout.BOOT_STAGE >> 2)).toBeLessThan(layout.BOOT_STAGE_DOM0_BUILT);
    expect(other.serial()).toMatch(/Not enough RAM[^]*Panic on CPU 0:\s+\(XEN\) Could not construct domain 0\s/);
    await other.off();
  });
});
