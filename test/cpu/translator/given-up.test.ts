/** Modules that were given up: V8 must free them, as a process may have no more than some ten thousand pieces of machine code (vm.max_map_count on Linux). */
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeAll, expect, it } from "vitest";
import { compileEngine } from "../engine.ts";
import { Machine, RAX } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
const POOL = 0x3b00000;
const MODULES = 40;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let n = 0; n < 3; n++) {
    collect();
    // It is told in a later turn.
    await pause(10);
  }
}

it("frees the modules that were given up, and keeps those that are in use", async () => {
  const m = new Machine(compiled);
  m.map(CODE, CODE_FRAME);
  m.exports.engine_flush!();
  const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
  for (let n = 0; n < MODULES; n++) {
    code.giveUpAll();
    // MOV EAX, n; INT3
    m.bytes.set([0xb8, n, 0, 0, 0, 0xcc], CODE_FRAME);
    m.exports.engine_code_written!(CODE_FRAME);
    expect(code.translate(code.request(CODE_FRAME, CODE))).toBe(true);
    m.rip = CODE;
    m.run();
    expect([m.reg(RAX), code.entered()]).toEqual([BigInt(n), 1]);
  }
  await collectGarbage();
  expect(code.freed).toBe(MODULES - 1);
  code.giveUpAll();
  await collectGarbage();
  expect(code.freed).toBe(MODULES);
});
