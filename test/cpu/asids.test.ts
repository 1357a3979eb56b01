/** ASIDs run out after 4094 flushes and are used again. What a translation of the first round says must hold for nobody in the next. */
import { beforeAll, expect, it } from "vitest";
import { CPU_ASID } from "../../core/machine/cpu/state.ts";
import { ADDRESSES } from "./addresses.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RAX, RDI } from "./machine.ts";

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

const CODE = 0x40_1000n;
const CODE_FRAME = 0x3800000;
const FRAMES = [0x3a00000, 0x3a01000];
/** MOV EAX, [RDI]; UD2 */
const LOAD = "8b 07  0f 0b";
/** MOV [RDI], EAX; UD2 */
const STORE = "89 07  0f 0b";
const VECTOR_UD = 6;

it.each(ADDRESSES)("at %s", (_, address) => {
  const m = new Machine(compiled);
  m.map(CODE, CODE_FRAME);
  m.put(CODE_FRAME, LOAD);
  m.put(CODE_FRAME + 0x100, STORE);
  const at = (offset: bigint, value = 0n): bigint => {
    m.exports.engine_budget!(1000);
    m.setReg(RDI, address);
    m.setReg(RAX, value);
    m.rip = CODE + offset;
    m.run();
    expect(m.vector).toBe(VECTOR_UD);
    return m.reg(RAX);
  };
  const asid = (): number => m.view.getUint32(m.cpu + CPU_ASID, true);
  FRAMES.forEach((frame, i) => m.view.setUint32(frame, 10 + i, true));
  m.map(address, FRAMES[0]!);
  expect(at(0n)).toBe(10n);
  at(0x100n, 10n);
  const first = asid();
  // Another frame is there now, and everything is flushed until the same ASID comes up again.
  m.map(address, FRAMES[1]!);
  let flushes = 0;
  do m.exports.engine_flush_tlb!();
  while (++flushes < 10_000 && asid() !== first);
  expect(flushes).toBeGreaterThan(4000);
  expect(asid()).toBe(first);
  expect(at(0n)).toBe(11n);
  at(0x100n, 77n);
  expect(FRAMES.map((frame) => m.view.getUint32(frame, true))).toEqual([10, 77]);
});
