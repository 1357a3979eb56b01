/** The vector registers that Inspect shows of a vCPU, from areas of XSAVE and images of FXSAVE with known bytes. */
import { describe, expect, it } from "vitest";
import { VCPU_GUEST_CONTEXT_SIZE } from "../../core/abi/arch_x86.ts";
import type { Inspector } from "../../core/dom0/kernel/inspector.ts";
import { VcpuContext } from "../../core/toolstack/inspect/registers.ts";
import { PvVcpu } from "../../core/toolstack/inspect/vcpu.ts";

const HEAD = 16;
/** The value of each byte of register n: the low half counts from n, the high half from 0x80 + n. */
const half = (first: number): string =>
  Array.from({ length: 16 }, (_, i) => ((first + i) & 0xff).toString(16).padStart(2, "0"))
    .reverse()
    .join("");
function fill(bytes: Uint8Array, at: number, first: number): void {
  for (let n = 0; n < 16; n++) for (let i = 0; i < 16; i++) bytes[at + 16 * n + i] = first + n + i;
}
function extState(xcr0: bigint, present: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(HEAD + size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, xcr0, true);
  view.setBigUint64(8, 7n, true);
  view.setUint32(HEAD + 24, 0x7fa0, true);
  fill(bytes, HEAD + 160, 0);
  view.setBigUint64(HEAD + 512, present, true);
  if (size > 576) fill(bytes, HEAD + 576, 0x80);
  return bytes;
}
/** The context of the vCPU has other vector registers than its extended state, so that it is seen which of them count. */
function vectors(state: Uint8Array) {
  const context = new Uint8Array(VCPU_GUEST_CONTEXT_SIZE);
  new DataView(context.buffer).setUint32(24, 0x1f80, true);
  fill(context, 160, 0x40);
  return new PvVcpu({} as Inspector, 1, 0, new VcpuContext(context), state).report().vectors;
}
const values = (state: Uint8Array) => vectors(state).registers.map(({ name, value }) => `${name} ${value}`);
const sixteen = (text: (n: number) => string) => Array.from({ length: 16 }, (_, n) => text(n));

describe("vector registers", () => {
  it("are YMM registers where XCR0 enables AVX", () => {
    expect(values(extState(7n, 7n, 832))).toEqual(sixteen((n) => `YMM${n} 0x${half(0x80 + n)}${half(n)}`));
    const { xcr0, mxcsr } = vectors(extState(7n, 7n, 832));
    expect(xcr0).toEqual({ name: "XCR0", value: "0x0000000000000007", set: ["x87", "SSE", "AVX"] });
    expect(mxcsr).toMatchObject({ value: "0x0000000000007fa0" });
    expect(mxcsr.set).toEqual(["PE", "IM", "DM", "ZM", "OM", "UM", "PM", "RC=zero"]);
  });
  it("have high halves of zero where AVX is enabled and not in use", () => {
    expect(values(extState(7n, 3n, 832))).toEqual(sixteen((n) => `YMM${n} 0x${half(n).padStart(64, "0")}`));
    // An area that has no room for the high halves.
    expect(values(extState(7n, 3n, 576))).toEqual(sixteen((n) => `YMM${n} 0x${half(n).padStart(64, "0")}`));
  });
  it("are XMM registers without AVX, whatever the area has", () => {
    expect(values(extState(3n, 7n, 832))).toEqual(sixteen((n) => `XMM${n} 0x${half(n)}`));
    expect(values(extState(1n, 1n, 576))).toEqual(sixteen((n) => `XMM${n} 0x${"0".repeat(32)}`));
  });
  it("are those of the context for a vCPU without XSAVE", () => {
    const none = new Uint8Array(HEAD);
    expect(values(none)).toEqual(sixteen((n) => `XMM${n} 0x${half(0x40 + n)}`));
    expect(vectors(none)).toMatchObject({ xcr0: null, mxcsr: { value: "0x0000000000001f80" } });
  });
});
