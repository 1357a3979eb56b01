/** RDTSC, RDTSCP and what Xen says about them, in each TSC mode of a domain. */
import {
  FLAT_KERNEL_CS64,
  VCPU_GUEST_CONTEXT_CTRLREG,
  VCPU_GUEST_CONTEXT_FLAGS,
  VCPU_GUEST_CONTEXT_TRAP_CTXT,
  VCPU_GUEST_CONTEXT_USER_REGS,
  VGCF_online,
} from "../../../core/abi/arch_x86.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import * as layout from "../../../core/machine/layout.ts";
import { attachDom0, compileCore, Machine, type Dom0 } from "./machine.ts";
import { CODE_ADDRESS, makeSpinner } from "./spinner.ts";

const DEFAULT = 0;
const ALWAYS_EMULATE = 1;
const NEVER_EMULATE = 2;
const EMULATED = 1;
const HOST_KHZ = 1_000_000;
const CR4_TSD = 4n;
const HANDLER = 0x80;

/** Reads the TSC twice (r8, r9) and CPUID leaf 0x40000003 (r10 = eax, r11 = ecx, r12 = ebx), then sets r15. A #GP sets r14. */
const CODE = new Uint8Array(256);
// rdtsc; shl rdx,32; or rax,rdx; mov r8,rax
CODE.set([0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0x49, 0x89, 0xc0], 0);
// rdtscp; shl rdx,32; or rax,rdx; mov r9,rax
CODE.set([0x0f, 0x01, 0xf9, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0x49, 0x89, 0xc1], 12);
// mov eax,0x40000003; xor ecx,ecx; cpuid; mov r10d,eax; mov r11d,ecx; mov r12d,ebx
CODE.set([0xb8, 3, 0, 0, 0x40, 0x31, 0xc9, 0x0f, 0xa2, 0x41, 0x89, 0xc2, 0x41, 0x89, 0xcb, 0x41, 0x89, 0xdc], 25);
// mov r15d,1; jmp $
CODE.set([0x41, 0xbf, 1, 0, 0, 0, 0xeb, 0xfe], 43);
// mov r14d,13; jmp $
CODE.set([0x41, 0xbe, 13, 0, 0, 0, 0xeb, 0xfe], HANDLER);

let machine: Machine;
let dom0: Dom0;

beforeAll(async () => {
  machine = new Machine(await compileCore(), { pcpus: 1 });
  await machine.stage(layout.BOOT_STAGE_DOM0_BUILT);
  dom0 = attachDom0(machine);
});
afterEach(() => {
  for (const { domid } of dom0.calls.host.listDomains()) if (domid) dom0.calls.domains.destroy(domid);
  expect(dom0.core.check_invariants()).toBe(0);
});
afterAll(async () => {
  await machine.off();
  expect(machine.errors).toEqual([]);
});

const now = (): number => Number(process.hrtime.bigint() - machine.base);
/** Waits until the machine's clock has advanced by that many nanoseconds. */
async function passed(nanoseconds: number): Promise<void> {
  for (const end = now() + nanoseconds; now() < end;) await new Promise((resolve) => setTimeout(resolve, 5));
}

interface Guest {
  user?: boolean;
  /** The guest's own CR4.TSD. */
  tsd?: boolean;
}
function make({ user = false, tsd = false }: Guest = {}): number {
  return makeSpinner(dom0, {
    vcpus: 1,
    pcpus: 1,
    code: CODE,
    context: (view, root) => {
      view.setUint8(VCPU_GUEST_CONTEXT_TRAP_CTXT + 16 * 13, 13);
      view.setUint16(VCPU_GUEST_CONTEXT_TRAP_CTXT + 16 * 13 + 2, FLAT_KERNEL_CS64, true);
      view.setBigUint64(VCPU_GUEST_CONTEXT_TRAP_CTXT + 16 * 13 + 8, BigInt(CODE_ADDRESS + HANDLER), true);
      if (tsd) view.setBigUint64(VCPU_GUEST_CONTEXT_CTRLREG + 32, CR4_TSD, true);
      if (!user) return;
      view.setBigUint64(VCPU_GUEST_CONTEXT_FLAGS, BigInt(VGCF_online), true);
      view.setBigUint64(VCPU_GUEST_CONTEXT_CTRLREG + 8, root, true);
    },
  });
}

interface Reading {
  trapped: boolean;
  first: number;
  second: number;
  features: number;
  mode: number;
  khz: number;
}
/** Lets it run until it has read everything, or was refused. */
async function read(domid: number): Promise<Reading> {
  dom0.calls.domains.unpause(domid);
  for (const end = Date.now() + 5000; ;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    dom0.calls.domains.pause(domid);
    const view = new DataView(dom0.calls.vcpus.getContext(domid, 0).buffer);
    const register = (offset: number): number => Number(view.getBigUint64(VCPU_GUEST_CONTEXT_USER_REGS + offset, true));
    const trapped = register(8) === 13;
    if (trapped || register(0) === 1)
      return {
        trapped,
        first: register(72),
        second: register(64),
        features: register(56),
        mode: register(24),
        khz: register(48),
      };
    if (Date.now() > end) throw new Error(`the guest did not come to its end: ${machine.serial()}`);
    dom0.calls.domains.unpause(domid);
  }
}

describe("TSC mode", () => {
  it.each([
    ["default", DEFAULT, 0],
    ["never emulate, whatever the frequency", NEVER_EMULATE, 2_000_000],
  ])("%s: the host's TSC, read natively", async (_name, mode, khz) => {
    const domid = make();
    dom0.calls.domains.setTscInfo(domid, mode, khz);
    const before = now();
    const reading = await read(domid);
    expect(reading).toMatchObject({ trapped: false, mode, khz: HOST_KHZ });
    expect(reading.features & EMULATED).toBe(0);
    expect(reading.first).toBeGreaterThan(before);
    expect(reading.second).toBeGreaterThanOrEqual(reading.first);
    expect(reading.second).toBeLessThan(now());
  });

  it.each([
    ["always emulate", ALWAYS_EMULATE, 0, HOST_KHZ],
    ["always emulate at 3 GHz", ALWAYS_EMULATE, 3_000_000, 3_000_000],
    ["default at another frequency than the host's", DEFAULT, 250_000, 250_000],
  ])("%s: counts from the domain's zero, and strictly upwards", async (_name, mode, given, khz) => {
    const domid = make();
    await passed(50e6);
    const earliest = now();
    dom0.calls.domains.setTscInfo(domid, mode, given);
    const latest = now();
    await passed(20e6);
    const start = now();
    const reading = await read(domid);
    const end = now();
    const ticks = (ns: number): number => (ns * khz) / HOST_KHZ;
    expect(reading).toMatchObject({ trapped: false, mode, khz });
    expect(reading.features & EMULATED).toBe(EMULATED);
    expect(reading.first).toBeGreaterThan(ticks(start - latest) - 2);
    expect(reading.second).toBeLessThan(ticks(end - earliest) + 2);
    if (khz >= HOST_KHZ) expect(reading.second).toBeGreaterThan(reading.first);

    // vcpu_time_info leads from that TSC to system time: tsc_timestamp, system_time, multiplier, shift.
    const info = dom0.calls.domains.info(domid)!.sharedInfoFrame * 4096 + 32;
    const { physical } = machine;
    const delta = reading.second - Number(physical.get64(info + 8));
    const factor = (physical.get32(info + 24) / 2 ** 32) * 2 ** ((physical.get8(info + 28) << 24) >> 24);
    const time = Number(physical.get64(info + 16)) + delta * factor;
    expect(Math.abs(time - (Number(reading.second) * HOST_KHZ) / khz - earliest)).toBeLessThan(latest - earliest + 10);
  });

  it("is refused when it is none, or the caller's own", () => {
    const domid = make();
    expect(() => dom0.calls.domains.setTscInfo(domid, 3)).toThrow(/EINVAL/);
    expect(() => dom0.calls.domains.setTscInfo(0, ALWAYS_EMULATE)).toThrow(/EINVAL/);
  });
});

describe("CR4.TSD", () => {
  it.each([
    ["native, as the guest set it", DEFAULT, { user: true, tsd: true }, true],
    ["native, without it", DEFAULT, { user: true }, false],
    ["emulated, as the guest set it", ALWAYS_EMULATE, { user: true, tsd: true }, true],
    ["emulated, without it", ALWAYS_EMULATE, { user: true }, false],
    ["emulated, for the guest's kernel", ALWAYS_EMULATE, { tsd: true }, false],
    ["native, for the guest's kernel", DEFAULT, { tsd: true }, false],
  ] as [string, number, Guest, boolean][])("%s", async (_name, mode, guest, trapped) => {
    const domid = make(guest);
    dom0.calls.domains.setTscInfo(domid, mode);
    const context = new DataView(dom0.calls.vcpus.getContext(domid, 0).buffer);
    expect(context.getBigUint64(VCPU_GUEST_CONTEXT_CTRLREG + 32, true) & CR4_TSD).toBe(guest.tsd ? CR4_TSD : 0n);
    expect((await read(domid)).trapped).toBe(trapped);
  });
});
