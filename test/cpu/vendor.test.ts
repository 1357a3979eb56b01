/** How an AMD processor's answer may differ from the engine's: as far as the manuals allow, and no further. */
import { describe, expect, it } from "vitest";
import { CASE, RESULT } from "./silicon/generate.ts";
import { fromAmd } from "./silicon/vendor.ts";

const XMM1 = RESULT.fx + 160 + 16;
const FSW_AT = RESULT.fx + 2;
const RBX = RESULT.gpr + 24;

/** Returns the AMD processor's answer as it is compared. `amd` and `engine` write into answers that are equal otherwise. */
function compared(code: number[], amd: (answer: Buffer) => void, engine: (answer: Buffer) => void, count = 0): Buffer {
  const bytes = Buffer.alloc(CASE.size);
  bytes.set(code, CASE.code);
  bytes[CASE.gpr + 8] = count;
  const [theirs, ours] = [Buffer.alloc(RESULT.size), Buffer.alloc(RESULT.size)];
  amd(theirs);
  engine(ours);
  return fromAmd({ bytes, length: code.length }, theirs, ours);
}

describe("an AMD's answer", () => {
  it("is approximate in RCPPS within the error that the manuals allow, in the lanes that the instruction writes", () => {
    const rcp = (code: number[], amd: number, lane: number) =>
      compared(
        code,
        (answer) => answer.writeFloatLE(amd, XMM1 + 4 * lane),
        (answer) => answer.writeFloatLE(1, XMM1 + 4 * lane),
      ).readFloatLE(XMM1 + 4 * lane);
    const rcpps = [0x0f, 0x53, 0xca];
    expect(rcp(rcpps, 1 + 2 ** -11, 3)).toBe(1);
    expect(rcp(rcpps, 1 + 2 ** -10, 3)).not.toBe(1);
    expect(rcp(rcpps, -1, 0)).toBe(-1);
    expect(rcp(rcpps, Infinity, 0)).toBe(Infinity);
    const rcpss = [0xf3, 0x0f, 0x53, 0xca];
    expect(rcp(rcpss, 1 + 2 ** -11, 0)).toBe(1);
    expect(rcp(rcpss, 1 + 2 ** -11, 1)).not.toBe(1);
  });

  it("is open in SHLD of 16 bits by more than 16, in these 16 bits", () => {
    const shld = (code: number[], count: number, amd: number) =>
      compared(
        code,
        (answer) => answer.writeUInt32LE(amd, RBX),
        (answer) => answer.writeUInt32LE(7, RBX),
        count,
      ).readUInt32LE(RBX);
    const byCl = [0x66, 0x0f, 0xa5, 0xd3]; // shld bx, dx, cl
    expect(shld(byCl, 17, 1)).toBe(7);
    expect(shld(byCl, 16, 1)).toBe(1);
    expect(shld(byCl, 32 + 16, 1)).toBe(1);
    expect(shld(byCl, 17, 0x10001)).toBe(0x10007);
    expect(shld(byCl.slice(1), 17, 1)).toBe(1);
    expect(shld([0x66, 0x0f, 0xa4, 0xd3, 17], 0, 1)).toBe(7);
    expect(shld([0x66, 0x0f, 0xa4, 0xd3, 3], 17, 1)).toBe(1);
  });

  it("has another NaN in DPPS and DPPD, but a NaN where the engine has one", () => {
    const dpps = (amd: number, engine: number) =>
      compared(
        [0x66, 0x0f, 0x3a, 0x40, 0xca, 0xff],
        (answer) => answer.writeUInt32LE(amd, XMM1),
        (answer) => answer.writeUInt32LE(engine, XMM1),
      ).readUInt32LE(XMM1);
    expect(dpps(0xffc00001, 0x7fc00000)).toBe(0x7fc00000);
    expect(dpps(0xffc00001, 0x7f800000)).toBe(0xffc00001);
    expect(dpps(0x3f800000, 0x7fc00000)).toBe(0x3f800000);
    const dppd = (amd: bigint, engine: bigint) =>
      compared(
        [0x66, 0x0f, 0x3a, 0x41, 0xca, 0x33],
        (answer) => answer.writeBigUInt64LE(amd, XMM1 + 8),
        (answer) => answer.writeBigUInt64LE(engine, XMM1 + 8),
      ).readBigUInt64LE(XMM1 + 8);
    const [nan, other, infinity] = [0x7ff8000000000000n, 0xffffffff80000000n, 0x7ff0000000000000n];
    expect(dppd(other, nan)).toBe(nan);
    expect(dppd(other, infinity)).toBe(other);
    expect(dppd(infinity, nan)).toBe(infinity);
  });

  it("has x87 pointers only while an unmasked exception is pending", () => {
    const fadd = [0xd8, 0xc1];
    const fip = (status: number) =>
      compared(
        fadd,
        (answer) => answer.writeUInt16LE(status, FSW_AT),
        (answer) => {
          answer.writeUInt16LE(status, FSW_AT);
          answer.writeBigUInt64LE(5n, RESULT.fx + 8);
        },
      ).readBigUInt64LE(RESULT.fx + 8);
    expect(fip(0)).toBe(5n);
    expect(fip(0x80)).toBe(0n);
  });

  it("is a fault of an x87 store before its exception, if neither wrote anything", () => {
    const fault = (amd: (answer: Buffer) => void, engine: (answer: Buffer) => void) =>
      compared(
        [0xd9, 0x1b], // fstp dword [rbx]
        (answer) => {
          answer.writeUInt32LE(14, RESULT.trap);
          amd(answer);
        },
        (answer) => {
          answer.writeUInt32LE(3, RESULT.trap);
          answer.writeUInt16LE(0x8081, FSW_AT);
          engine(answer);
        },
      ).readUInt32LE(RESULT.trap);
    const nothing = () => undefined;
    expect(fault(nothing, nothing)).toBe(3);
    expect(fault((answer) => answer.writeUInt16LE(0x800, FSW_AT), nothing)).toBe(14);
    expect(fault(nothing, (answer) => answer.writeUInt16LE(0, FSW_AT))).toBe(14);
    expect(fault(nothing, (answer) => (answer[RESULT.memory] = 1))).toBe(14);
  });
});
