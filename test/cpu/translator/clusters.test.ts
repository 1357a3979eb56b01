/** Regions that mostly follow one another become one function (core/machine/translator/cluster.ts), which decides for itself where to go on. */
import { beforeAll, describe, expect, it } from "vitest";
import * as exits from "../../../core/machine/cpu/exits.ts";
import { compileEngine } from "../engine.ts";
import { Machine } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
const DATA = 0x50_0000n;
const FRAME = 0x3a10000;
const POOL = 0x3b00000;
const TURNS = 2000n;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

const HANDLER = 64;
/**
 * An interpreter of bytecodes: RSI points at the next one, RDX at the table of handlers. Each handler adds its number to RAX, counts R15 down, and jumps
 * to the next one's through the table: ADD RAX, number; DEC R15; JZ end; MOVZX ECX, byte [RSI]; INC RSI; AND RSI, mask; JMP [RDX + RCX * 8].
 */
function handler(number: number): number[] {
  return [
    ...[0x48, 0x83, 0xc0, number & 0x7f],
    ...[0x49, 0xff, 0xcf],
    ...[0x74, 0x0f],
    ...[0x0f, 0xb6, 0x0e],
    ...[0x48, 0xff, 0xc6],
    ...[0x81, 0xe6, 0xff, 0x00, 0x50, 0x00],
    ...[0xff, 0x24, 0xca],
    0xcc,
  ];
}

/** A handler has two blocks; the second is so far behind the first. */
const SECOND_BLOCK = 9;
/** The blocks that are executed one after the other where these handlers are. */
function path(places: number[]): number[] {
  return places.flatMap((at) => [at, at + SECOND_BLOCK]);
}

/** A machine that runs it. */
interface Interpreter {
  m: Machine;
  code: TranslatedCode;
  places: number[];
  expected: bigint;
}

/** An interpreter with so many handlers, of which the bytecodes use `used`. The bytecodes are at DATA, the table is 0x800 behind them. */
function interpreter(handlers: number, used: number): Interpreter {
  const m = new Machine(compiled);
  for (let n = 0; n < 4; n++) m.map(CODE + BigInt(n << 12), CODE_FRAME + (n << 12));
  m.map(DATA, FRAME);
  m.bytes.fill(0xcc, CODE_FRAME, CODE_FRAME + 0x4000);
  const places = Array.from({ length: handlers }, (_, n) => n * HANDLER);
  places.forEach((place, n) => {
    m.bytes.set(handler(n), CODE_FRAME + place);
    m.view.setBigUint64(FRAME + 0x800 + 8 * n, CODE + BigInt(place), true);
  });
  for (let n = 0; n < 256; n++) m.bytes[FRAME + n] = (n * 7) % used;
  let expected = 0n;
  for (let n = 0, number = 0; n < Number(TURNS); n++) {
    expected += BigInt(number & 0x7f);
    number = m.bytes[FRAME + (n & 255)]!;
  }
  m.exports.engine_flush!();
  return { m, code: new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL), places, expected };
}

/** It is to execute so many bytecodes, with the handler at that address first. */
function begin(m: Machine, turns: bigint, at = CODE): void {
  m.setReg(0, 0n);
  m.setReg(2, DATA + 0x800n);
  m.setReg(6, DATA);
  m.setReg(15, turns);
  m.rip = at;
}

/** An interpreter whose handlers are a cluster that has run. */
function clustered(handlers: number): Interpreter {
  const it = interpreter(handlers, handlers);
  it.code.translateAll(it.places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))));
  expect(it.code.cluster(it.code.request(CODE_FRAME, CODE), path(it.places))).toBe(true);
  run(it);
  return it;
}

function run({ m, expected }: Interpreter, at = CODE): void {
  begin(m, TURNS, at);
  m.exports.engine_budget!(1_000_000);
  expect(m.run()).not.toBe(exits.EXIT_POLL);
  expect([m.reg(15), m.reg(0)]).toEqual([0n, expected]);
}

describe("a cluster", () => {
  it.each([2, 5, 16, 33, 60])("goes from handler to handler of %i without being left", (handlers) => {
    const it = interpreter(handlers, handlers);
    expect(it.code.translateAll(it.places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))))).toBe(true);
    run(it);
    // As many entries as bytecodes.
    expect(it.code.entered()).toBeGreaterThan(Number(TURNS) * 0.9);
    expect(it.code.cluster(it.code.request(CODE_FRAME, CODE), path(it.places))).toBe(true);
    run(it);
    // Accesses that miss the TLB leave it.
    expect(it.code.entered()).toBeLessThan(Number(TURNS) * 0.01);
  });

  it("is entered at any of its entrances, also from another page", () => {
    const it = interpreter(200, 60);
    const places = it.places.slice(0, 60);
    expect(it.code.translateAll(places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))))).toBe(true);
    expect(it.code.cluster(it.code.request(CODE_FRAME, CODE), path(places))).toBe(true);
    for (const at of places) {
      const { m } = it;
      m.setReg(0, 0n);
      m.setReg(2, DATA + 0x800n);
      m.setReg(6, DATA);
      m.setReg(15, 1n);
      m.rip = CODE + BigInt(at);
      m.exports.engine_budget!(1000);
      m.run();
      expect([m.reg(15), m.reg(0)]).toEqual([0n, BigInt(at / HANDLER)]);
    }
  });

  it("comes back when its budget is used up", () => {
    const it = clustered(8);
    const { m } = it;
    begin(m, 1n << 40n);
    const before = m.retired;
    m.exports.engine_budget!(5000);
    expect(m.run()).toBe(exits.EXIT_POLL);
    expect(m.retired - before).toBeGreaterThanOrEqual(5000);
    expect(m.retired - before).toBeLessThan(5100);
  });

  it("comes back when something else has to be looked at", () => {
    const it = clustered(8);
    const { m } = it;
    m.exports.engine_poll_address!(FRAME + 0x700);
    m.view.setUint32(FRAME + 0x700, 1, true);
    begin(m, 1n << 40n);
    const before = m.retired;
    m.exports.engine_budget!(1_000_000);
    expect(m.run()).toBe(exits.EXIT_POLL);
    expect(m.retired - before).toBeLessThan(100);
  });

  it("does what changed code says", () => {
    const it = clustered(8);
    // Handler 3 adds 4 from now on.
    it.m.bytes[CODE_FRAME + 3 * HANDLER + 3] = 4;
    it.m.exports.engine_code_written!(CODE_FRAME);
    const used = Array.from({ length: Number(TURNS) - 1 }, (_, n) => it.m.bytes[FRAME + (n & 255)]!);
    run({ ...it, expected: it.expected + BigInt(used.filter((number) => number === 3).length) });
  });

  it("is made only of what covers most of the path", () => {
    const it = interpreter(200, 200);
    it.code.translateAll(it.places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))));
    // 200 handlers have more instructions than one function may.
    expect(it.code.cluster(it.code.request(CODE_FRAME, CODE), path(it.places))).toBe(false);
    run(it);
  });

  it("has no more pages than its list, and covers only what lies in these", () => {
    // 60 handlers, each in a page of its own.
    const m = new Machine(compiled);
    m.map(DATA, FRAME);
    const places = Array.from({ length: 60 }, (_, n) => n << 12);
    const frame = 0x3a40000;
    for (const place of places) {
      m.map(CODE + BigInt(place), frame + place);
      m.bytes.set([0x48, 0xff, 0xc0, 0xff, 0x24, 0xca], frame + place);
    }
    m.exports.engine_flush!();
    const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
    code.translateAll(places.map((at) => code.request(frame + at, CODE + BigInt(at))));
    const request = code.request(frame, CODE);
    expect(code.cluster(request, places)).toBe(false);
    expect(code.cluster(request, places.slice(0, 40))).toBe(true);
    expect(code.cluster(request, places.slice(0, 41))).toBe(false);
  });

  it("takes no longer for a path that a hostile guest has made as long as can be", () => {
    // Code of a hundred pages, all NOPs, in which each of 8192 blocks begins elsewhere.
    const m = new Machine(compiled);
    const pages = 100;
    const frame = 0x3a40000;
    for (let n = 0; n < pages; n++) m.map(CODE + BigInt(n << 12), frame + (n << 12));
    m.bytes.fill(0x90, frame, frame + (pages << 12));
    const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
    const places = Array.from({ length: 8192 }, (_, n) => (n * 50) % (pages << 12));
    expect(code.cluster(code.request(frame, CODE), places)).toBe(false);
    expect(code.decoded).toBeLessThan(20_000);
  });

  it("stays when another path has only a part of it", () => {
    const it = clustered(10);
    expect(it.code.cluster(it.code.request(CODE_FRAME, CODE), path(it.places.slice(0, 2)))).toBe(false);
    // And when it is requested by another of its entrances, or by code that is not in it.
    expect(it.code.cluster(it.code.request(CODE_FRAME + HANDLER, CODE + BigInt(HANDLER)), path(it.places))).toBe(false);
    const beyond = 40 * HANDLER;
    expect(it.code.cluster(it.code.request(CODE_FRAME + beyond, CODE + BigInt(beyond)), path(it.places))).toBe(false);
  });

  it("changes to code with calls once, and not back", () => {
    const it = interpreter(20, 20);
    it.code.translateAll(it.places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))));
    const request = it.code.request(CODE_FRAME, CODE);
    const made = Array.from({ length: 8 }, (_, n) => {
      const isMade = it.code.cluster(request, path(it.places));
      it.code.pretend(131072, n & 1 ? 0 : 131072);
      return isMade;
    });
    expect(made).toEqual([true, true, false, false, false, false, false, false]);
  });

  it("is useless where its accesses mostly miss the TLB and it is too large to have calls", () => {
    const it = clustered(60);
    const request = it.code.request(CODE_FRAME, CODE);
    it.code.pretend(131072, 1000);
    expect(it.code.uselessCluster(request)).toBe(null);
    it.code.pretend(131072, 131072);
    expect(it.code.cluster(request, path(it.places))).toBe(false);
    expect(it.code.uselessCluster(request)).not.toBe(null);
  });

  it("is not left where objects lie in two pages", () => {
    // MOV RBX, [RBP + 16]; ADD RBX, [RBP + 48]; DEC R15; JZ end; JMP [RDX + RCX * 8], of two of these in turn.
    const one = (next: number) => [
      ...[0x48, 0x8b, 0x5d, 0x10],
      ...[0x48, 0x03, 0x5d, 0x30],
      ...[0xb9, next, 0, 0, 0],
      ...[0x49, 0xff, 0xcf],
      ...[0x74, 0x03],
      ...[0xff, 0x24, 0xca],
      0xcc,
    ];
    const it = interpreter(2, 2);
    const { m } = it;
    m.map(DATA + 0x1000n, FRAME + 0x1000);
    for (const [n, place] of it.places.entries()) m.bytes.set(one(1 - n), CODE_FRAME + place);
    m.exports.engine_code_written!(CODE_FRAME);
    m.exports.engine_flush!();
    it.code.translateAll(it.places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))));
    expect(
      it.code.cluster(
        it.code.request(CODE_FRAME, CODE),
        it.places.flatMap((at) => [at, at + 18]),
      ),
    ).toBe(true);
    for (const [offset, name] of [
      [0x600, "one page"],
      [0xfe0, "two pages"],
    ] as const) {
      m.setReg(5, DATA + BigInt(offset));
      begin(m, TURNS);
      m.exports.engine_budget!(1_000_000);
      it.code.entered();
      m.run();
      expect([name, m.reg(15), it.code.entered() < 10]).toEqual([name, 0n, true]);
    }
  });

  it("is not made of a path that leads nowhere", () => {
    const it = interpreter(4, 4);
    it.code.translateAll(it.places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))));
    const request = it.code.request(CODE_FRAME, CODE);
    for (const place of [-0x800000, 0x800000, -1, 0x3fff, 0x7fffffff, -0x80000000])
      expect(
        it.code.cluster(
          request,
          Array.from({ length: 64 }, () => place),
        ),
      ).toBe(false);
    expect(it.code.cluster(request, [])).toBe(false);
    run(it);
  });

  it("is made with other code where its accesses mostly miss the TLB", () => {
    const it = interpreter(2, 2);
    it.code.translateAll(it.places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))));
    const request = it.code.request(CODE_FRAME, CODE);
    expect(it.code.cluster(request, path(it.places))).toBe(true);
    // Nothing is added, so it stays.
    expect(it.code.cluster(request, path(it.places))).toBe(false);
    const entriesAfterFlush = (): number => {
      it.m.exports.engine_flush!();
      it.code.entered();
      run(it);
      return it.code.entered();
    };
    for (let n = 0; n < 50; n++) expect(entriesAfterFlush()).toBe(2);
    expect(it.code.cluster(request, path(it.places))).toBe(true);
    expect(entriesAfterFlush()).toBe(1);
  });

  it("has no entrance at the last byte of a page, where the translator calls it so that V8 optimizes it", () => {
    const it = interpreter(4, 4);
    it.m.bytes.set(handler(3), CODE_FRAME + 0xfff);
    it.m.view.setBigUint64(FRAME + 0x800 + 8 * 3, CODE + 0xfffn, true);
    const places = [0, HANDLER, 2 * HANDLER, 0xfff];
    it.code.translateAll(places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))));
    const before = it.code.count;
    expect(it.code.cluster(it.code.request(CODE_FRAME, CODE), path(places))).toBe(true);
    expect(it.code.count - before).toBe(3);
    run(it);
  });

  it("is not entered where another page has taken the place of one of its own, of which alone the translation was flushed", () => {
    const it = interpreter(66, 66);
    const places = [0, HANDLER, 64 * HANDLER, 65 * HANDLER];
    for (let n = 0; n < 256; n++) it.m.bytes[FRAME + n] = [0, 1, 64, 65][(n * 7) & 3]!;
    it.code.translateAll(places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))));
    expect(it.code.cluster(it.code.request(CODE_FRAME, CODE), path(places))).toBe(true);
    const used = Array.from({ length: Number(TURNS) - 1 }, (_, n) => it.m.bytes[FRAME + (n & 255)]!);
    const sum = (added: number): bigint =>
      BigInt(used.reduce((all, number) => all + number + (number === 65 ? added : 0), 0));
    run({ ...it, expected: sum(0) });
    run({ ...it, expected: sum(0) });
    // The second page again, in which handler 65 adds 2 more.
    const other = CODE_FRAME + 0x2000;
    it.m.bytes.copyWithin(other, CODE_FRAME + 0x1000, CODE_FRAME + 0x2000);
    it.m.bytes[other + HANDLER + 3] = 67;
    it.m.exports.engine_code_written!(other);
    for (const [frame, added] of [
      [other, 2],
      [CODE_FRAME + 0x1000, 0],
      [other, 2],
    ] as const) {
      it.m.map(CODE + 0x1000n, frame);
      it.m.exports.engine_flush_page!(CODE + 0x1000n);
      run({ ...it, expected: sum(added) });
      run({ ...it, expected: sum(added) });
    }
  });

  it("leaves the ordinary regions to whoever has mapped its pages at another distance", () => {
    const it = interpreter(66, 66);
    const places = [0, HANDLER, 64 * HANDLER, 65 * HANDLER];
    for (let n = 0; n < 256; n++) it.m.bytes[FRAME + n] = [0, 1, 64, 65][(n * 7) & 3]!;
    it.code.translateAll(places.map((at) => it.code.request(CODE_FRAME + at, CODE + BigInt(at))));
    expect(it.code.cluster(it.code.request(CODE_FRAME, CODE), path(places))).toBe(true);
    const used = Array.from({ length: Number(TURNS) - 1 }, (_, n) => it.m.bytes[FRAME + (n & 255)]!);
    const here = { ...it, expected: BigInt(used.reduce((sum, number) => sum + number, 0)) };
    run(here);
    run(here);
    it.code.entered();
    run(here);
    expect(it.code.entered()).toBe(1);
    const [first, second] = [0x80_0000n, 0x88_0000n];
    it.m.map(first, CODE_FRAME);
    it.m.map(second, CODE_FRAME + 0x1000);
    for (const [number, address] of [first, first + BigInt(HANDLER)].entries())
      it.m.view.setBigUint64(FRAME + 0x800 + 8 * number, address, true);
    for (const [number, address] of [second, second + BigInt(HANDLER)].entries())
      it.m.view.setBigUint64(FRAME + 0x800 + 8 * (64 + number), address, true);
    it.m.exports.engine_flush!();
    run(here, first);
    expect(it.code.entered()).toBeGreaterThan(Number(TURNS) * 0.9);
  });
});
