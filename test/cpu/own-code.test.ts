/** A processor sees its own stores into the code that it executes, whatever others do to that code's page at the same time. */
import { Worker } from "node:worker_threads";
import { beforeAll, describe, expect, it } from "vitest";
import { CPU_SIZE } from "../../core/machine/cpu/state.ts";
import { ADDRESSES } from "./addresses.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RAX, RCX, RDI } from "./machine.ts";
import { TranslatedCode } from "./translator/translated.ts";

const FRAME = 0x3a00000;
const WRITER = 0x3a10000;
const DATA = 0x3a20000;
const CODE = 0x40_0000n;
const POOL = 0x3b00000;
const SECOND_PROCESSOR = 0x1800000;
const VERSIONS = 0x200000 + CPU_SIZE;
const FLAGS = VERSIONS + (1024 << 4) * 4;
const WATCHED_CODE = 1;
const WAS_CODE = 16;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

const beside = (m: Machine): Machine =>
  new Machine(compiled, {
    ...{ memory: m.memory, codeVersions: VERSIONS, codeFlags: FLAGS, number: 1, region: SECOND_PROCESSOR },
  });

/**
 * Plays a processor whose thread is stopped for a while when it has taken the watch from the page and not yet raised the page's version: says that it
 * has, and does the rest later.
 */
const IN_THE_MIDDLE = `
  const { workerData: { memory, lock, flag, version, changes, began, ended } } = require("node:worker_threads");
  const [words, bytes] = [new Int32Array(memory.buffer), new Uint8Array(memory.buffer)];
  Atomics.store(words, lock >> 2, 1);
  Atomics.and(bytes, flag, ~1);
  Atomics.store(words, began >> 2, 1);
  Atomics.notify(words, began >> 2);
  Atomics.wait(words, ended >> 2, 0, 20);
  Atomics.add(words, version >> 2, 1);
  Atomics.add(new BigInt64Array(memory.buffer), changes >> 3, 1n);
  Atomics.store(words, lock >> 2, 0);
`;
const CHANGES_WORD = VERSIONS + 8;
const NOTICE_LOCK = VERSIONS + 20;

/** What another processor does to the page of code while this one executes from it. */
const OTHERS = {
  "wrote there": (m: Machine): void => void beside(m).exports.engine_code_written!(FRAME + 0x800),
  "has begun to write there": (m: Machine): void => {
    const words = new Int32Array(m.memory.buffer);
    const [began, ended] = [DATA + 0x800, DATA + 0x804];
    words[began >> 2] = 0;
    const places = { lock: NOTICE_LOCK, flag: FLAGS + (FRAME >> 12), version: VERSIONS + (FRAME >> 12) * 4 };
    const workerData = { memory: m.memory, ...places, changes: CHANGES_WORD, began, ended };
    new Worker(IN_THE_MIDDLE, { eval: true, workerData });
    Atomics.wait(words, began >> 2, 0);
  },
};

/** RDTSC, in the middle of which the other one acts; MOV BYTE [RDI], 42; MOV EAX, 0; INT3. */
const CHANGES = "0f 31  c6 07 2a  b8 00 00 00 00  cc";
const STORE = 2n;
const NEXT = 5n;
const FIRST_BYTE_OF_NEXT = 6n;

describe.each(Object.entries(OTHERS))("after another processor %s", (_, act) => {
  it.each(ADDRESSES.slice(3, 10))("code at %s changes its next instruction, translated or not", (_, address) => {
    for (const isTranslated of [true, false]) {
      let isActing = false;
      const m: Machine = new Machine(compiled, null, 1024, () => {
        if (isActing) act(m);
        return 0;
      });
      m.map(address, FRAME);
      m.map(CODE - 0x1000n, DATA);
      m.put(FRAME, CHANGES);
      m.exports.engine_flush!();
      const runFrom = (from: bigint, to: bigint): void => {
        m.setReg(RDI, to);
        m.rip = address + from;
        m.run();
      };
      // Each of its instructions has been the first of a block before.
      for (const from of [0n, STORE, NEXT]) runFrom(from, CODE - 0x1000n);
      const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
      if (isTranslated) expect(code.translate(code.request(FRAME, address))).toBe(true);
      isActing = true;
      runFrom(0n, address + FIRST_BYTE_OF_NEXT);
      expect([isTranslated, m.reg(RAX)]).toEqual([isTranslated, 42n]);
      if (isTranslated) expect(code.entered()).toBe(1);
    }
  });
});

it("a page that others have begun to read as code is watched once this processor has decoded it, although it has just written there", () => {
  const m = new Machine(compiled, null, 1024);
  m.map(CODE, WRITER);
  m.map(CODE + 0x1000n, FRAME);
  // MOV BYTE [RDI], 1; INT3
  m.put(WRITER, "c6 07 01  cc");
  m.exports.engine_flush!();
  m.setReg(RDI, CODE + 0x1800n);
  m.rip = CODE;
  m.run();
  const other = beside(m);
  // The translator or another processor has marked it, which this one has not followed.
  other.exports.engine_before_decode!(FRAME);
  m.exports.engine_before_decode!(FRAME);
  expect(m.bytes[FLAGS + (FRAME >> 12)]! & WATCHED_CODE).toBe(WATCHED_CODE);
});

it("what is written to pages that were code once does not end translated code of another page", () => {
  const m = new Machine(compiled, null, 1024);
  m.map(CODE, FRAME);
  const pages = 64;
  for (let n = 0; n < pages; n++) {
    m.map(CODE + BigInt(n + 1) * 0x1000n, DATA + n * 0x1000);
    m.bytes[FLAGS + (DATA >> 12) + n] = WAS_CODE;
  }
  // MOV [RDI], EAX; ADD RDI, 0x1000; ADD EAX, 1; DEC ECX; JNZ to the first; INT3
  m.put(FRAME, "89 07  48 81 c7 00 10 00 00  83 c0 01  ff c9  75 f0  cc");
  m.exports.engine_flush!();
  m.rip = CODE;
  const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
  expect(code.translate(code.request(FRAME, CODE))).toBe(true);
  m.setReg(RDI, CODE + 0x1000n);
  m.setReg(RCX, BigInt(pages));
  m.setReg(RAX, 0n);
  m.run();
  expect([m.reg(RAX), code.entered()]).toEqual([BigInt(pages), 1]);
});
