/** Which instructions are translated. One that is not takes a decoded operation of the pool and the interpreter's function for it. */
import { beforeAll, describe, expect, it } from "vitest";
import { MODE_64 } from "../../../core/machine/cpu/mode_bits.ts";
import { CodeMode } from "../../../core/machine/translator/code-mode.ts";
import { readOp } from "../../../core/machine/translator/decoded.ts";
import { translateRegion } from "../../../core/machine/translator/translate.ts";
import { compileEngine } from "../engine.ts";
import { Machine } from "../machine.ts";

const PAGES = 1024;
const OP = 0x3a00000;
const BYTES = 0x3a00100;
const BREAKPOINT = 0xcc;

let machine: Machine;
beforeAll(async () => {
  machine = new Machine(await compileEngine(), null, PAGES);
});

/** Returns how many operations of the pool a region of this instruction alone takes. */
function taken(hex: string): number {
  const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
  machine.bytes.fill(BREAKPOINT, BYTES, BYTES + 16);
  machine.bytes.set(bytes, BYTES);
  expect(machine.exports.engine_decode!(OP, MODE_64, BYTES, 16, 0)).toBe(bytes.length);
  const op = readOp(machine.view, OP, 0);
  const kept: unknown[] = [];
  const transfer = { kind: "interpret", offset: bytes.length } as const;
  translateRegion({ mode: new CodeMode(MODE_64), misses: "call", blocks: [{ ops: [op], transfer }] }, (each) =>
    kept.push(each),
  );
  return kept.length;
}

describe("the interpreter has no part in", () => {
  it.each([
    ["shr ax, 8", "66 c1 e8 08"],
    ["sar bh, 3", "c0 ff 03"],
    ["shl cl, 1", "d0 e1"],
    ["rol dx, 8", "66 c1 c2 08"],
    ["ror r9b, 1", "41 d0 c9"],
    ["shr dword [rdi], 1", "d1 2f"],
    ["sar qword [rdi+8], 5", "48 c1 7f 08 05"],
    ["rol word [rdi], 3", "66 c1 07 03"],
    ["shld rax, rdx, 12", "48 0f a4 d0 0c"],
    ["shrd [rdi], eax, 7", "0f ac 07 07"],
    ["bsf rax, rcx", "48 0f bc c1"],
    ["bsr eax, [rdi]", "0f bd 07"],
    ["tzcnt rax, rcx", "f3 48 0f bc c1"],
    ["lzcnt eax, ecx", "f3 0f bd c1"],
    ["bswap rax", "48 0f c8"],
    ["bswap r9d", "41 0f c9"],
    ["mul rcx", "48 f7 e1"],
    ["mul ecx", "f7 e1"],
    ["imul ecx", "f7 e9"],
    ["movbe eax, [rdi]", "0f 38 f0 07"],
    ["andn rax, rcx, rdx", "c4 e2 f0 f2 c2"],
    ["mulx rax, rcx, rdx", "c4 e2 f3 f6 c2"],
    ["shlx eax, [rdi], ecx", "c4 e2 71 f7 07"],
    ["pshufb xmm0, xmm1", "66 0f 38 00 c1"],
    ["vzeroupper", "c5 f8 77"],
    ["vmovdqu ymm0, [rdi]", "c5 fe 6f 07"],
    ["vmovdqa [rdi], ymm0", "c5 fd 7f 07"],
    ["vpcmpeqb ymm0, ymm1, [rdi]", "c5 f5 74 07"],
    ["vpmovmskb eax, ymm0", "c5 fd d7 c0"],
    ["vptest ymm0, ymm1", "c4 e2 7d 17 c1"],
    ["vpbroadcastb ymm0, xmm1", "c4 e2 7d 78 c1"],
    ["vpermq ymm0, ymm1, 0x4e", "c4 e3 fd 00 c1 4e"],
    ["vpalignr ymm0, ymm1, ymm2, 5", "c4 e3 75 0f c2 05"],
    ["vextracti128 xmm0, ymm1, 1", "c4 e3 7d 39 c8 01"],
    ["psignw xmm0, xmm1", "66 0f 38 09 c1"],
    ["pmulhrsw xmm0, xmm1", "66 0f 38 0b c1"],
    ["cvtdq2pd xmm0, [rdi]", "f3 0f e6 07"],
    ["vpsllvd ymm0, ymm1, [rdi]", "c4 e2 75 47 07"],
    ["vpsrlvq ymm0, ymm1, ymm2", "c4 e2 f5 45 c2"],
    ["vpsravd xmm0, xmm1, xmm2", "c4 e2 71 46 c2"],
    ["vpermilps ymm0, ymm1, ymm2", "c4 e2 75 0c c2"],
    ["vpermilpd ymm0, ymm1, [rdi]", "c4 e2 75 0d 07"],
    ["vtestps ymm0, ymm1", "c4 e2 7d 0e c1"],
    ["vmaskmovps ymm0, ymm1, [rdi]", "c4 e2 75 2c 07"],
    ["vpmaskmovq [rdi], ymm1, ymm0", "c4 e2 f5 8e 07"],
    ["vcvtdq2pd ymm0, xmm1", "c5 fe e6 c1"],
  ])("%s", (_, hex) => expect(taken(hex)).toBe(0));
});

describe("the interpreter does what may fault, or is not ordinary, of", () => {
  it.each([
    ["div ecx", "f7 f1"],
    ["div qword [rdi]", "48 f7 37"],
    ["idiv rcx", "48 f7 f9"],
    ["vaddsd xmm0, xmm1, xmm2", "c5 f3 58 c2"],
    ["roundsd xmm0, xmm1, 1", "66 0f 3a 0b c1 01"],
    ["roundps xmm0, [rdi], 4", "66 0f 3a 08 07 04"],
    ["vroundpd ymm0, ymm1, 3", "c4 e3 7d 09 c1 03"],
    ["vroundss xmm0, xmm1, xmm2, 10", "c4 e3 71 0a c2 0a"],
    ["vmulps ymm0, ymm1, [rdi]", "c5 f4 59 07"],
    ["vucomisd xmm0, xmm1", "c5 f9 2e c1"],
    ["vcvttsd2si rax, xmm0", "c4 e1 fb 2c c0"],
    ["vfmadd231pd ymm0, ymm1, ymm2", "c4 e2 f5 b8 c2"],
    ["haddps xmm0, xmm1", "f2 0f 7c c1"],
    ["vaddsubpd ymm0, ymm1, ymm2", "c5 f5 d0 c2"],
    ["vcvtph2ps ymm0, xmm1", "c4 e2 7d 13 c1"],
    ["vcvtps2ph xmm0, ymm1, 0", "c4 e3 7d 1d c8 00"],
    ["vcvtdq2ps ymm0, ymm1", "c5 fc 5b c1"],
    ["vcvttps2dq ymm0, [rdi]", "c5 fe 5b 07"],
    ["vcvtps2pd ymm0, [rdi]", "c5 fc 5a 07"],
  ])("%s", (_, hex) => expect(taken(hex)).toBe(1));
});

describe("the interpreter does", () => {
  it.each([
    ["a shift of a byte by more bits than it has", "c0 e0 09"],
    ["rcl eax, 3", "c1 d0 03"],
    ["a shift of a word by CL", "66 d3 e0"],
    ["imul rcx, of 128 bits", "48 f7 e9"],
    ["pdep rax, rcx, rdx", "c4 e2 f3 f5 c2"],
    ["vpgatherdd ymm0, [rdi + ymm2], ymm1", "c4 e2 75 90 04 17"],
    ["vcvtps2ph xmm0, ymm1, 1, which rounds down", "c4 e3 7d 1d c8 01"],
  ])("%s", (_, hex) => expect(taken(hex)).toBe(1));
});
