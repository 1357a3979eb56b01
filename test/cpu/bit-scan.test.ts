/**
 * BSF and BSR: the manuals leave CF undefined, Intel's recent processors clear it, and some code has come to rely on that. It is therefore masked
 * where any processor's answer is compared, and tested here.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { CASE, RESULT } from "./silicon/generate.ts";
import { buildEngine } from "./silicon/run.ts";

const CF = 1;
const ZF = 0x40;
const RAX = RESULT.gpr;

describe.each([
  ["the interpreter", false],
  ["translated code", true],
])("in %s", (_, translates) => {
  let engine: Awaited<ReturnType<typeof buildEngine>>;
  beforeAll(async () => {
    engine = await buildEngine(translates);
  });

  it.each([
    ["BSF", 0xbc, 0x50n, 4n],
    ["BSR", 0xbd, 0x50n, 6n],
    ["BSF of zero", 0xbc, 0n, 7n],
    ["BSR of zero", 0xbd, 0n, 7n],
  ])("%s clears CF", (name, opcode, rcx, rax) => {
    const bytes = Buffer.alloc(CASE.size);
    // bsf rax, rcx
    bytes.set([0x48, 0x0f, opcode, 0xc1], CASE.code);
    bytes.writeBigUInt64LE(7n, CASE.gpr);
    bytes.writeBigUInt64LE(rcx, CASE.gpr + 8);
    bytes.writeBigUInt64LE(BigInt(CF | 2), CASE.rflags);
    const result = Buffer.alloc(RESULT.size);
    engine.run(bytes, result);
    const flags = Number(result.readBigUInt64LE(RESULT.rflags));
    expect({ rax: result.readBigUInt64LE(RAX), cf: flags & CF, zf: flags & ZF }).toEqual({
      rax,
      cf: 0,
      zf: name.endsWith("zero") ? ZF : 0,
    });
    expect(engine.regions > 0).toBe(translates);
  });
});
