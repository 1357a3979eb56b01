/** The features of a domain's processor (XEN_DOMCTL_*_cpu_policy), and a vCPU's state of x87, SSE and AVX as the toolstack takes and gives it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as arch from "../../../core/abi/arch_x86.ts";
import * as domctl from "../../../core/abi/domctl.ts";
import * as save from "../../../core/abi/hvm_save.ts";
import { entryContext } from "../../../core/dom0/builder/pvh/context.ts";
import { HvmHypercalls } from "../../../core/dom0/kernel/hvm.ts";
import { LIBXL_LIMITS, type DomainTypeName } from "../../../core/dom0/kernel/hypercalls.ts";
import * as layout from "../../../core/machine/layout.ts";
import type { CpuidChange } from "../../../core/toolstack/messages.ts";
import { policyOf, restorePolicy } from "../../../core/dom0/saved/cpu-policy.ts";
import { REC_X86_CPUID_POLICY } from "../../../core/dom0/saved/stream.ts";
import { attachDom0, compileCore, Machine, refusal, type Dom0 } from "./machine.ts";

const UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1";
let machine: Machine;
let dom0: Dom0;
const made: number[] = [];

beforeAll(async () => {
  machine = new Machine(await compileCore(), { pcpus: 1 });
  await machine.stage(layout.BOOT_STAGE_DOM0_BUILT);
  dom0 = attachDom0(machine);
}, 600_000);
afterAll(async () => {
  for (const domid of made) dom0.calls.domains.destroy(domid);
  expect(dom0.core.check_invariants()).toBe(0);
  await machine.off();
  expect(machine.errors).toEqual([]);
});

function domain(type: DomainTypeName = "pv", changes: CpuidChange[] = []): number {
  const domid = dom0.calls.domains.create(UUID, 1, LIBXL_LIMITS, { type });
  made.push(domid);
  dom0.calls.domains.setMaxVcpus(domid, 1);
  if (changes.length) dom0.calls.domains.changeCpuPolicy(domid, changes);
  return domid;
}
const ECX = 2;
const bit = (leaf: number, subleaf: number | null, register: number, number: number, to: 0 | 1): CpuidChange => ({
  ...{ leaf, subleaf, register, to },
  bit: number,
});
const xsave = (to: 0 | 1) => bit(1, null, ECX, 26, to);
const avx = (to: 0 | 1) => bit(1, null, ECX, 28, to);
const fma = (to: 0 | 1) => bit(1, null, ECX, 12, to);
const f16c = (to: 0 | 1) => bit(1, null, ECX, 29, to);
const avx2 = (to: 0 | 1) => bit(7, 0, 1, 5, to);

interface Leaf {
  leaf: number;
  subleaf: number;
  registers: number[];
}
function policy(domid: number): Leaf[] {
  const { physical: memory, calls } = dom0;
  let buffer = 0;
  const u = calls.domctl("get_cpu_policy", domctl.XEN_DOMCTL_get_cpu_policy, domid, (at, struct) => {
    buffer = struct + 4096;
    memory.set32(at + domctl.DOMCTL_CPU_POLICY_NR_LEAVES, 64);
    memory.set64(at + domctl.DOMCTL_CPU_POLICY_LEAVES, buffer);
  });
  return Array.from({ length: memory.get32(u + domctl.DOMCTL_CPU_POLICY_NR_LEAVES) }, (_, n) => {
    const at = buffer + n * arch.CPUID_LEAF_SIZE;
    return {
      leaf: memory.get32(at + arch.CPUID_LEAF_LEAF),
      subleaf: memory.get32(at + arch.CPUID_LEAF_SUBLEAF),
      registers: [0, 1, 2, 3].map((register) => memory.get32(at + arch.CPUID_LEAF_A + 4 * register)),
    };
  });
}
const has = (domid: number, { leaf, subleaf, register, bit: number }: CpuidChange): boolean => {
  const found = policy(domid).find(
    (each) => each.leaf === leaf && each.subleaf === (subleaf ?? arch.XEN_CPUID_NO_SUBLEAF),
  )!;
  return ((found.registers[register]! >>> number) & 1) === 1;
};
/** Sets one leaf. Returns the leaf that the hypervisor names as wrong. */
function setLeaf(domid: number, leaf: number, subleaf: number): number {
  const { physical: memory, calls } = dom0;
  const u = calls.domctl("set_cpu_policy", domctl.XEN_DOMCTL_set_cpu_policy, domid, (at, struct) => {
    memory.bytes(struct + 4096, arch.CPUID_LEAF_SIZE).fill(0);
    memory.set32(struct + 4096, leaf);
    memory.set32(struct + 4096 + arch.CPUID_LEAF_SUBLEAF, subleaf);
    memory.set32(at + domctl.DOMCTL_CPU_POLICY_NR_LEAVES, 1);
    memory.set64(at + domctl.DOMCTL_CPU_POLICY_LEAVES, struct + 4096);
  });
  return memory.get32(u + domctl.DOMCTL_CPU_POLICY_ERR_LEAF);
}

describe("the features of a domain", () => {
  it.each(["pv", "pvh"] as const)("a new %s domain has XSAVE with XSAVEOPT, XSAVEC and XGETBV1", (type) => {
    const domid = domain(type);
    expect(has(domid, xsave(1))).toBe(true);
    expect(policy(domid).find(({ leaf }) => leaf === 0xd)!.registers).toEqual([7, 0, 0, 0]);
    // What only a guest with a second stage of translation can use: x2APIC, SMEP.
    expect(has(domid, bit(1, null, ECX, 21, 1))).toBe(type === "pvh");
    expect(has(domid, bit(7, 0, 1, 7, 1))).toBe(type === "pvh");
  });

  it("a new domain has AVX and what belongs to it, which goes with what it needs", () => {
    for (const type of ["pv", "pvh"] as const) {
      const usual = domain(type);
      expect([avx(1), fma(1), avx2(1)].map((one) => has(usual, one))).toEqual([true, true, true]);
    }
    const without = domain("pv", [avx(0)]);
    expect([avx(1), fma(1), avx2(1)].map((one) => has(without, one))).toEqual([false, false, false]);
    const none = domain("pvh", [xsave(0), avx(1), fma(1), avx2(1)]);
    expect([xsave(1), avx(1), fma(1), avx2(1)].map((one) => has(none, one))).toEqual([false, false, false, false]);
    expect(policy(none).find(({ leaf }) => leaf === 0xd)!.registers[0]).toBe(0);
  });

  it("a restored domain has what it had, and one of a stream without a policy what its configuration asks for", () => {
    const all = [avx(1), fma(1), f16c(1), avx2(1)];
    const restored = (saved: Uint8Array | null, cpuid: CpuidChange[] = []): boolean[] => {
      const domid = domain("pv", cpuid);
      const request = { domid, vcpus: 1, mostPages: 1, storePort: 0, consolePort: 0, cpuid };
      restorePolicy(dom0.calls, request, saved);
      return all.map((one) => has(domid, one));
    };
    const { domains } = dom0.calls;
    expect(restored(domains.cpuPolicy(domain()))).toEqual([true, true, true, true]);
    expect(restored(domains.cpuPolicy(domain("pvh", [avx2(0)])))).toEqual([true, true, true, false]);
    expect(restored(domains.cpuPolicy(domain("pv", [avx(0)])), [avx(1)])).toEqual([false, false, false, false]);
    expect(restored(null)).toEqual([false, false, false, false]);
    expect(restored(null, [avx(1), fma(1)])).toEqual([true, true, false, false]);
  });

  it("a stream's policy is whole leaves, not none, and no more than there is room for", () => {
    for (const bytes of [0, 1, arch.CPUID_LEAF_SIZE - 1, arch.CPUID_LEAF_SIZE + 8, 65 * arch.CPUID_LEAF_SIZE, 8 << 20])
      expect(() => policyOf({ type: REC_X86_CPUID_POLICY, body: new Uint8Array(bytes) }), `${bytes}`).toThrow(
        /CPUID policy has/,
      );
    const body = new Uint8Array(64 * arch.CPUID_LEAF_SIZE);
    expect(policyOf({ type: REC_X86_CPUID_POLICY, body })).toEqual(body);
  });

  it("a hostile stream's policy gives at most what a new domain has, and state that its features lack is refused", () => {
    const leaf = (number: number, subleaf: number, fill: number): Buffer => {
      const bytes = Buffer.alloc(arch.CPUID_LEAF_SIZE, fill);
      bytes.writeUInt32LE(number, arch.CPUID_LEAF_LEAF);
      bytes.writeUInt32LE(subleaf, arch.CPUID_LEAF_SUBLEAF);
      return bytes;
    };
    const none = arch.XEN_CPUID_NO_SUBLEAF;
    const restored = (type: DomainTypeName, leaves: Buffer[]): number => {
      const domid = domain(type);
      const body = policyOf({ type: REC_X86_CPUID_POLICY, body: Buffer.concat(leaves) });
      restorePolicy(dom0.calls, { domid, vcpus: 1, mostPages: 1, storePort: 0, consolePort: 0, cpuid: [] }, body);
      return domid;
    };
    const known = [leaf(1, none, 255), leaf(7, 0, 255), leaf(0xd, 1, 255), leaf(0x80000001, none, 255)];
    const others = [
      leaf(0, none, 255),
      leaf(4, 3, 255),
      leaf(7, 1, 255),
      leaf(0xd, 62, 255),
      leaf(0x40000000, none, 0),
    ];
    for (const type of ["pv", "pvh"] as const)
      expect(policy(restored(type, [...others, ...known, ...others]))).toEqual(policy(domain(type)));
    // Of leaves that come twice the last counts.
    const plain = restored("pv", [...known, leaf(1, none, 0), leaf(7, 0, 255)]);
    expect([xsave(1), avx(1), avx2(1)].map((one) => has(plain, one))).toEqual([false, false, false]);
    const narrow = restored("pv", [leaf(7, 0, 0), ...known, leaf(7, 0, 0)]);
    expect([avx(1), avx2(1)].map((one) => has(narrow, one))).toEqual([true, false]);
    const without = domain("pv", [avx(0)]);
    for (const [domid, state] of [
      [without, extState(7n, 7n, 7n, 848)],
      [without, extState(3n, 7n, 3n, 848)],
      [plain, extState(3n, 3n, 3n)],
    ] as const)
      expect(refusal(() => dom0.calls.vcpus.setExtState(domid, 0, state))).toBe("EINVAL");
    for (const wrong of [leaf(7, none, 0), leaf(1, 0, 0)])
      expect(refusal(() => restored("pvh", [...known, wrong]))).toBe("ERANGE");
  });

  it("what the processor does not have can't be had: AVX-512, PCID, VMX", () => {
    const strangers = [
      bit(7, 0, 1, 16, 1),
      bit(1, null, ECX, 17, 1),
      bit(1, null, ECX, 5, 1),
      bit(1, null, ECX, 27, 1),
    ];
    const domid = domain("pvh", strangers);
    expect(strangers.map((one) => has(domid, one))).toEqual([false, false, false, false]);
  });

  it("without SSE there is nothing that needs it, down to AES", () => {
    const domid = domain("pvh", [bit(1, null, 3, 25, 0)]);
    for (const [register, number] of [
      [3, 26],
      [ECX, 0],
      [ECX, 9],
      [ECX, 19],
      [ECX, 20],
      [ECX, 25],
      [ECX, 1],
    ] as const)
      expect(has(domid, bit(1, null, register, number, 1))).toBe(false);
    expect(has(domid, bit(1, null, 3, 24, 1))).toBe(true);
  });

  it("a leaf of another shape is refused and named, and leaves the policy alone", () => {
    const domid = domain();
    const before = policy(domid);
    expect(refusal(() => setLeaf(domid, 7, arch.XEN_CPUID_NO_SUBLEAF))).toBe("ERANGE");
    expect(refusal(() => setLeaf(domid, 1, 0))).toBe("ERANGE");
    expect(policy(domid)).toEqual(before);
    // Leaves without features are as they are.
    expect(setLeaf(domid, 0x80000008, arch.XEN_CPUID_NO_SUBLEAF)).toBe(0xffffffff);
    expect(setLeaf(domid, 7, 1)).toBe(0xffffffff);
    expect(policy(domid)).toEqual(before);
  });

  it("room that does not suffice, too many leaves, other domains", () => {
    const { physical: memory, calls } = dom0;
    const domid = domain();
    const get = (leaves: number, at: number) => () =>
      calls.domctl("get_cpu_policy", domctl.XEN_DOMCTL_get_cpu_policy, domid, (u, struct) => {
        memory.set32(u + domctl.DOMCTL_CPU_POLICY_NR_LEAVES, leaves);
        memory.set64(u + domctl.DOMCTL_CPU_POLICY_LEAVES, at && struct + at);
      });
    expect(refusal(get(3, 4096))).toBe("ENOBUFS");
    expect(memory.get32(get(0, 0)() + domctl.DOMCTL_CPU_POLICY_NR_LEAVES)).toBe(4);
    const set = (of: number, leaves: number, at: bigint) => () =>
      calls.domctl("set_cpu_policy", domctl.XEN_DOMCTL_set_cpu_policy, of, (u) => {
        memory.set32(u + domctl.DOMCTL_CPU_POLICY_NR_LEAVES, leaves);
        memory.set64(u + domctl.DOMCTL_CPU_POLICY_LEAVES, at);
      });
    expect(refusal(set(domid, 0xffffffff, 0n))).toBe("E2BIG");
    expect(refusal(set(domid, 1, 1n << 40n))).toBe("EFAULT");
    expect(refusal(set(0, 0, 0n))).toBe("EINVAL");
  });
});

/** The buffer of setvcpuextstate: XCR0, what it has been, an area. */
function extState(xcr0: bigint, accum: bigint, present: bigint, size = 592): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeBigUInt64LE(xcr0, 0);
  bytes.writeBigUInt64LE(accum, 8);
  for (let at = 16; at < size; at++) bytes[at] = (at * 7) & 0xff;
  // FCW, FSW, FTW, FOP; MXCSR and its mask; padding of ST registers; the header.
  bytes.set([0x7f, 3, 0, 0, 0xff, 0, 0, 0], 16);
  bytes.writeUInt32LE(0x1fa0, 16 + 24);
  bytes.writeUInt32LE(0xffff, 16 + 28);
  for (let i = 0; i < 8; i++) bytes.fill(0, 16 + 42 + 16 * i, 16 + 48 + 16 * i);
  bytes.fill(0, 16 + 416, 16 + 576);
  bytes.writeBigUInt64LE(present, 16 + 512);
  return bytes;
}

describe("the state of x87, SSE and AVX", () => {
  it("is given and taken, with AVX where the domain has it", () => {
    const plain = domain("pv", [avx(0)]);
    expect(dom0.calls.vcpus.getExtState(plain, 0)).toHaveLength(16 + 576);
    dom0.calls.vcpus.setExtState(plain, 0, extState(3n, 3n, 3n));
    expect(Buffer.from(dom0.calls.vcpus.getExtState(plain, 0))).toEqual(extState(3n, 3n, 3n));
    const wide = domain("pv", [avx(1)]);
    dom0.calls.vcpus.setExtState(wide, 0, extState(7n, 7n, 7n, 848));
    expect(Buffer.from(dom0.calls.vcpus.getExtState(wide, 0))).toEqual(extState(7n, 7n, 7n, 848));
    // AVX is switched off and yet has values, which come back when it is switched on again.
    dom0.calls.vcpus.setExtState(wide, 0, extState(3n, 7n, 7n, 848));
    expect(Buffer.from(dom0.calls.vcpus.getExtState(wide, 0))).toEqual(extState(3n, 7n, 7n, 848));
  });

  it("has the initial configuration where XSTATE_BV is clear", () => {
    const domid = domain("pv", [avx(1)]);
    dom0.calls.vcpus.setExtState(domid, 0, extState(7n, 7n, 7n, 848));
    dom0.calls.vcpus.setExtState(domid, 0, extState(7n, 7n, 0n, 848));
    const state = Buffer.from(dom0.calls.vcpus.getExtState(domid, 0));
    expect(state.readUInt16LE(16)).toBe(0x37f);
    expect(state.subarray(16 + 32, 16 + 416).every((byte) => byte === 0)).toBe(true);
    expect(state.subarray(16 + 576).every((byte) => byte === 0)).toBe(true);
    expect(state.readBigUInt64LE(16 + 512)).toBe(3n);
  });

  it("MXCSR loses bits that do not exist", () => {
    const domid = domain();
    const state = extState(3n, 3n, 3n);
    state.writeUInt32LE(0xffffffff, 16 + 24);
    dom0.calls.vcpus.setExtState(domid, 0, state);
    expect(Buffer.from(dom0.calls.vcpus.getExtState(domid, 0)).readUInt32LE(16 + 24)).toBe(0xffff);
  });

  const change = (bytes: Buffer, at: number, value: bigint): Buffer => {
    bytes.writeBigUInt64LE(value, at);
    return bytes;
  };
  it.each<[string, Buffer, string]>([
    ["no words", Buffer.alloc(0), "EINVAL"],
    ["half of the words", Buffer.alloc(15), "EINVAL"],
    ["words alone that say something", change(Buffer.alloc(16), 0, 1n), "EINVAL"],
    ["an area cut off", extState(3n, 3n, 3n).subarray(0, 591), "EINVAL"],
    ["AVX without room for it", extState(7n, 7n, 7n), "EINVAL"],
    ["AVX cut off by a byte", extState(7n, 7n, 7n, 848).subarray(0, 847), "EINVAL"],
    ["more than any processor has", extState(7n, 7n, 7n, 849), "EINVAL"],
    ["XCR0 without x87", extState(2n, 3n, 3n), "EINVAL"],
    ["XCR0 of 0", extState(0n, 3n, 3n), "EINVAL"],
    ["AVX without SSE", extState(5n, 7n, 7n, 848), "EINVAL"],
    ["AVX without SSE in what it has been", extState(1n, 5n, 1n, 848), "EINVAL"],
    ["XCR0 with what it has not been", extState(7n, 3n, 3n, 848), "EINVAL"],
    ["components that no processor has", extState(3n, 3n | (1n << 40n), 3n, 848), "EINVAL"],
    ["the highest bit of XCR0", extState(3n | (1n << 63n), 3n | (1n << 63n), 3n, 848), "EINVAL"],
    ["a component that has no room", extState(3n, 3n, 7n), "EINVAL"],
    ["a compacted area", change(extState(3n, 3n, 3n), 16 + 520, 1n << 63n), "EOPNOTSUPP"],
    ["a reserved byte in its header", change(extState(3n, 3n, 3n), 16 + 568, 1n << 63n), "EIO"],
  ])("%s is refused, and nothing changes", (_what, bytes, code) => {
    const domid = domain("pv", [avx(1)]);
    dom0.calls.vcpus.setExtState(domid, 0, extState(7n, 7n, 7n, 848));
    const before = dom0.calls.vcpus.getExtState(domid, 0);
    expect(refusal(() => dom0.calls.vcpus.setExtState(domid, 0, bytes))).toBe(code);
    expect(dom0.calls.vcpus.getExtState(domid, 0)).toEqual(before);
  });

  it("lengths that lie, other domains and vCPUs", () => {
    const { physical: memory, calls } = dom0;
    const ask = (command: number, of: number, vcpu: number, size: bigint, buffer: bigint, mask = 7n) =>
      refusal(() =>
        calls.domctl("vcpuextstate", command, of, (u) => {
          memory.set32(u + domctl.DOMCTL_VCPUEXTSTATE_VCPU, vcpu);
          memory.set64(u + domctl.DOMCTL_VCPUEXTSTATE_XFEATURE_MASK, mask);
          memory.set64(u + domctl.DOMCTL_VCPUEXTSTATE_SIZE_MEMBER, size);
          memory.set64(u + domctl.DOMCTL_VCPUEXTSTATE_BUFFER, buffer);
        }),
      );
    const domid = domain("pv", [avx(0)]);
    const { XEN_DOMCTL_setvcpuextstate: set, XEN_DOMCTL_getvcpuextstate: get } = domctl;
    const good = BigInt(dom0.frames.allocate() * 4096);
    for (const size of [0xffffffffffffffffn, (1n << 32n) + 592n, 0x80000000n]) {
      expect(ask(set, domid, 0, size, good)).toBe("EINVAL");
      expect(ask(get, domid, 0, size, good)).toBe("EINVAL");
    }
    expect(ask(get, domid, 0, 592n, good, 3n)).toBe("EINVAL");
    for (const buffer of [0x201000n, (1n << 64n) - 256n, 1n << 40n]) {
      expect(ask(set, domid, 0, 592n, buffer)).toBe("EFAULT");
      expect(ask(get, domid, 0, 592n, buffer)).toBe("EFAULT");
    }
    for (const command of [get, set]) {
      expect(ask(command, domid, 1, 592n, good)).toBe("ESRCH");
      expect(ask(command, domid, 0xffffffff, 592n, good)).toBe("ESRCH");
      expect(ask(command, 0, 0, 592n, good)).toBe("EINVAL");
    }
  });

  it("a domain without XSAVE has no state beyond its context", () => {
    const domid = domain("pv", [xsave(0)]);
    expect(Buffer.from(dom0.calls.vcpus.getExtState(domid, 0))).toEqual(Buffer.alloc(16));
    dom0.calls.vcpus.setExtState(domid, 0, Buffer.alloc(16));
    expect(refusal(() => dom0.calls.vcpus.setExtState(domid, 0, extState(3n, 3n, 3n)))).toBe("EINVAL");
  });
});

describe("the XSAVE record of an HVM context", () => {
  const HEAD = save.HVM_SAVE_DESCRIPTOR_SIZE;
  /** The record's bytes as the hypervisor gives them; null if there is none. */
  function record(domid: number): Buffer | null {
    const all = Buffer.from(new HvmHypercalls(dom0.calls).context(domid));
    for (let at = 0; at < all.length; at += HEAD + all.readUInt32LE(at + save.HVM_SAVE_DESCRIPTOR_LENGTH))
      if (all.readUInt16LE(at) === save.CPU_XSAVE_CODE)
        return all.subarray(at + HEAD, at + HEAD + all.readUInt32LE(at + save.HVM_SAVE_DESCRIPTOR_LENGTH));
    return null;
  }
  function give(domid: number, body: Buffer): void {
    const whole = Buffer.from(entryContext(0x1000, 0));
    const descriptor = Buffer.alloc(HEAD);
    descriptor.writeUInt16LE(save.CPU_XSAVE_CODE, save.HVM_SAVE_DESCRIPTOR_TYPECODE);
    descriptor.writeUInt32LE(body.length, save.HVM_SAVE_DESCRIPTOR_LENGTH);
    const end = whole.length - HEAD;
    new HvmHypercalls(dom0.calls).setContext(
      domid,
      Buffer.concat([whole.subarray(0, end), descriptor, body, whole.subarray(end)]),
    );
  }
  /** A record: the mask of features, then what setvcpuextstate takes. */
  const body = (...state: Parameters<typeof extState>): Buffer => {
    const mask = Buffer.alloc(8);
    mask.writeBigUInt64LE(7n);
    return Buffer.concat([mask, extState(...state)]);
  };

  it("is as long as the components need", () => {
    const plain = domain("pvh", [avx(0)]);
    give(plain, body(3n, 3n, 3n));
    expect(record(plain)).toEqual(body(3n, 3n, 3n));
    const wide = domain("pvh", [avx(1)]);
    give(wide, body(7n, 7n, 7n, 848));
    expect(record(wide)).toEqual(body(7n, 7n, 7n, 848));
    const none = domain("pvh", [xsave(0)]);
    new HvmHypercalls(dom0.calls).setContext(none, entryContext(0x1000, 0));
    expect(record(none)).toBeNull();
  });

  it("of an earlier version, which said XCR0 twice and that all is there, is taken", () => {
    const domid = domain("pvh");
    give(domid, body(1n, 1n, 3n));
    const got = record(domid)!;
    expect(got.readBigUInt64LE(8)).toBe(1n);
    expect(got.subarray(24 + 160, 24 + 416)).toEqual(body(1n, 1n, 3n).subarray(24 + 160, 24 + 416));
  });

  it("may be longer than it need be if the rest is 0", () => {
    const domid = domain("pvh");
    give(domid, Buffer.concat([body(3n, 3n, 3n), Buffer.alloc(256)]));
    expect(record(domid)).toEqual(body(3n, 3n, 3n));
    expect(refusal(() => give(domid, Buffer.concat([body(3n, 3n, 3n), Buffer.from([0, 1])])))).toBe("EOPNOTSUPP");
  });

  it.each<[string, DomainTypeName, CpuidChange[], Buffer, string]>([
    ["AVX for a domain without it", "pvh", [avx(0)], body(7n, 7n, 7n, 848), "EINVAL"],
    ["AVX that it has had, for a domain without it", "pvh", [avx(0)], body(3n, 7n, 3n, 848), "EINVAL"],
    ["XSAVE for a domain without it", "pvh", [xsave(0)], body(3n, 3n, 3n), "EINVAL"],
    ["AVX in a record for less", "pvh", [avx(1)], body(7n, 7n, 7n), "EINVAL"],
    ["a record cut off", "pvh", [], body(3n, 3n, 3n).subarray(0, 599), "EINVAL"],
    ["nothing", "pvh", [], Buffer.alloc(0), "EINVAL"],
    ["a compacted area", "pvh", [], Buffer.from(body(3n, 3n, 3n).fill(0x80, 24 + 527, 24 + 528)), "EOPNOTSUPP"],
  ])("with %s is refused", (_what, type, changes, bytes, code) => {
    const domid = domain(type, changes);
    expect(refusal(() => give(domid, bytes))).toBe(code);
  });

  it("a context with CR4.OSXSAVE is refused by a domain without XSAVE", () => {
    const at = 2 * HEAD + save.HVM_SAVE_HEADER_SIZE + save.HVM_HW_CPU_CR4;
    const osxsave = Buffer.from(entryContext(0x1000, 0));
    osxsave.writeBigUInt64LE(osxsave.readBigUInt64LE(at) | (1n << 18n), at);
    const set = (changes: CpuidChange[]) => () =>
      new HvmHypercalls(dom0.calls).setContext(domain("pvh", changes), osxsave);
    expect(set([])).not.toThrow();
    expect(refusal(set([xsave(0)]))).toBe("EINVAL");
  });
});
