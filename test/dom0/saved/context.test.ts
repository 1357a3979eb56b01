import {
  CPU_USER_REGS_RDX,
  VCPU_GUEST_CONTEXT_CTRLREG,
  VCPU_GUEST_CONTEXT_GDT_ENTS,
  VCPU_GUEST_CONTEXT_GDT_FRAMES,
  VCPU_GUEST_CONTEXT_SIZE,
  VCPU_GUEST_CONTEXT_USER_REGS,
} from "../../../core/abi/arch_x86.ts";
import { describe, expect, it } from "vitest";
import { convertContext, setStartInfo, startInfoOf } from "../../../core/dom0/saved/context.ts";
import { NONE, TableError } from "../../../core/dom0/saved/tables.ts";

const CR3 = VCPU_GUEST_CONTEXT_CTRLREG + 24;
const USER_CR3 = VCPU_GUEST_CONTEXT_CTRLREG + 8;
const context = (words: Record<number, bigint>): DataView => {
  const view = new DataView(new ArrayBuffer(VCPU_GUEST_CONTEXT_SIZE));
  for (const [at, word] of Object.entries(words)) view.setBigUint64(Number(at), word, true);
  return view;
};
const convert = (view: DataView, change: (frame: number) => number): void =>
  convertContext(new Uint8Array(view.buffer), change);
const word = (view: DataView, at: number): bigint => view.getBigUint64(at, true);

describe("a vCPU's context in a saved domain", () => {
  it("has other frames in CR3, in the user mode's CR3 if there is one, and in the GDT's frames that are in use", () => {
    const view = context({
      [CR3]: 5n << 12n,
      [USER_CR3]: 6n << 12n,
      [VCPU_GUEST_CONTEXT_GDT_ENTS]: 513n,
      [VCPU_GUEST_CONTEXT_GDT_FRAMES]: 7n,
      [VCPU_GUEST_CONTEXT_GDT_FRAMES + 8]: 8n,
      [VCPU_GUEST_CONTEXT_GDT_FRAMES + 16]: 9n,
    });
    convert(view, (frame) => frame + 0x100);
    expect([CR3, USER_CR3].map((at) => word(view, at) >> 12n)).toEqual([0x105n, 0x106n]);
    expect([0, 8, 16].map((at) => word(view, VCPU_GUEST_CONTEXT_GDT_FRAMES + at))).toEqual([0x107n, 0x108n, 9n]);
    const without = context({ [CR3]: 5n << 12n });
    convert(without, (frame) => frame + 1);
    expect(word(without, USER_CR3)).toBe(0n);
  });

  it("has 16 frames of a GDT at most, whatever it says", () => {
    const asked: number[] = [];
    const view = context({ [CR3]: 5n << 12n, [VCPU_GUEST_CONTEXT_GDT_ENTS]: 0xffffffffffffffffn });
    convert(view, (frame) => (asked.push(frame), 1));
    expect(asked).toHaveLength(1 + 16);
  });

  it.each([
    ["CR3", { [CR3]: 0xabcn << 12n }, "CR3 of a vCPU is frame 0xabc,"],
    ["CR3 beyond 32 bits", { [CR3]: 0xffffffffff000n }, "CR3 of a vCPU is frame 0xffffffffff,"],
    [
      "the user mode's",
      { [CR3]: 1n << 12n, [USER_CR3]: 0xabcn << 12n },
      "the user mode's CR3 of a vCPU is frame 0xabc,",
    ],
    [
      "a GDT's",
      { [CR3]: 1n << 12n, [VCPU_GUEST_CONTEXT_GDT_ENTS]: 1n, [VCPU_GUEST_CONTEXT_GDT_FRAMES]: 1n << 40n },
      "the GDT of a vCPU is frame",
    ],
  ])("is refused with a frame that is not the domain's: %s", (_what, words, message) => {
    const attempt = (): void => convert(context(words), (frame) => (frame === 1 ? 2 : NONE));
    expect(attempt).toThrow(TableError);
    expect(attempt).toThrow(message);
  });

  it("says in RDX where start_info is", () => {
    const bytes = new Uint8Array(context({ [VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RDX]: 77n }).buffer);
    expect(startInfoOf(bytes)).toBe(77);
    setStartInfo(bytes, 78);
    expect(startInfoOf(bytes)).toBe(78);
    expect(
      startInfoOf(new Uint8Array(context({ [VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RDX]: 1n << 40n }).buffer)),
    ).toBe(NONE);
  });
});
