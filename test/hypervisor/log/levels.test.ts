/** The hypervisor's own log code over a memory of its own: levels, thresholds, rate limit, and what the serial port's reader gets. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { beforeAll, describe, expect, it } from "vitest";
import { CORE_FOLDERS, buildWasm } from "../../../core/build.mjs";
import { XenLog } from "../../../core/api/xen-log.ts";
import * as level from "../../../core/hypervisor/abi/log.ts";
import {
  BOOT_CMDLINE,
  SERIAL_CLAIMED,
  SERIAL_MARKS_PRODUCER,
  SERIAL_MARK_COUNT,
  SERIAL_PRODUCER,
  SERIAL_SIZE,
  XEN_HEAP_START,
} from "../../../core/machine/layout.ts";
import { SerialPort } from "../../../core/machine/serial-port.ts";

interface LogCore {
  boot(): void;
  say(kind: number, number: number): void;
  sayNothing(kind: number): void;
  startLogEverything(): void;
  endLogEverything(): void;
  consoleWrite(address: number, length: number, kind: number): void;
  conringProducer(): number;
  conringConsumer(): number;
  conringRead(to: number, index: number, length: number): void;
  conringMove(address: number, size: number): void;
}

const { LOG_DEBUG, LOG_DEFAULT, LOG_DOMAIN_BYTES, LOG_ERR, LOG_G_DEBUG, LOG_G_ERR, LOG_G_INFO } = level;
const { LOG_G_WARNING, LOG_INFO, LOG_WARNING } = level;
const XEN = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_DEFAULT };
const GUEST = { LOG_G_ERR, LOG_G_WARNING, LOG_G_INFO, LOG_G_DEBUG };
const MEMORY_PAGES = 1024;
/** Memory that nobody uses, for what a domain hands over. */
const SCRATCH = (MEMORY_PAGES - 1) * 65536;

const LARGER_RING = SCRATCH - 65536;
/** console/conring.ts */
const ROOT_CONRING_PRODUCER = XEN_HEAP_START + 0x10a8;
const ROOT_CONRING_CONSUMER = XEN_HEAP_START + 0x10ac;

let module: WebAssembly.Module;

beforeAll(async () => {
  const root = path.resolve(import.meta.dirname, "../../..");
  const output = path.join(root, "dist/test/log-entry.wasm");
  await buildWasm(path.join(import.meta.dirname, "log-entry.ts"), output, CORE_FOLDERS);
  module = new WebAssembly.Module(readFileSync(output));
}, 300_000);

/** A thread that floods the log of a memory. */
const FLOOD = `
const { workerData: { memory, module, count } } = require("node:worker_threads");
const trap = () => { throw new Error("trap"); };
const env = { memory, now: () => 0, wait: trap, adopt() {}, trap, abort: trap };
new WebAssembly.Instance(module, { env }).exports.flood(count);
`;

class LogHost {
  readonly core: LogCore;
  readonly memory: WebAssembly.Memory;
  readonly port: SerialPort;
  readonly bytes: Uint8Array;
  #milliseconds = 60_000;

  constructor(cmdline: string) {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: 65536, shared: true });
    const trap = (code: number): never => {
      throw new Error(`trap ${code}`);
    };
    const now = (): number => this.#milliseconds * 1e6;
    const env = { memory, now, wait: trap, adopt() {}, trap, abort: trap };
    this.core = new WebAssembly.Instance(module, { env }).exports as unknown as LogCore;
    this.memory = memory;
    this.bytes = new Uint8Array(memory.buffer);
    this.bytes.set(Buffer.from(cmdline), BOOT_CMDLINE);
    this.port = new SerialPort(memory.buffer);
    this.core.boot();
  }

  pass(milliseconds: number): void {
    this.#milliseconds += milliseconds;
  }

  /** Returns what the port was given since the last call. */
  printed(): string[] {
    return this.port.take().pieces.map(({ bytes }) => Buffer.from(bytes).toString("latin1"));
  }

  /** Returns the names of the kinds of which a single message is printed. */
  passing(kinds: Record<string, number>): string[] {
    return Object.keys(kinds).filter((name) => {
      this.core.say(kinds[name]!, 1);
      return this.printed().length > 0;
    });
  }

  write(text: string, kind: number): void {
    this.bytes.set(Buffer.from(text, "latin1"), SCRATCH);
    this.core.consoleWrite(SCRATCH, text.length, kind);
  }
}

const invalid = (name: string, value: string): string =>
  `(XEN) parameter "${name}" has invalid value "${value}", rc=-22!\n`;

describe("thresholds", () => {
  const errors = ["LOG_ERR"];
  const warnings = ["LOG_ERR", "LOG_WARNING", "LOG_DEFAULT"];
  it.each([
    ["", warnings, ["LOG_G_ERR", "LOG_G_WARNING"]],
    ["loglvl=none guest_loglvl=none", [], []],
    ["loglvl=error guest_loglvl=error", errors, ["LOG_G_ERR"]],
    ["loglvl=warning guest_loglvl=warning", warnings, ["LOG_G_ERR", "LOG_G_WARNING"]],
    [
      "loglvl=info guest_loglvl=info",
      [...errors, "LOG_WARNING", "LOG_INFO", "LOG_DEFAULT"],
      Object.keys(GUEST).slice(0, 3),
    ],
    ["loglvl=debug guest_loglvl=debug", Object.keys(XEN), Object.keys(GUEST)],
    ["loglvl=all guest_loglvl=all", Object.keys(XEN), Object.keys(GUEST)],
    ["loglvl=all loglvl=error", errors, ["LOG_G_ERR", "LOG_G_WARNING"]],
    ["loglvl=error/debug guest_loglvl=none/info", Object.keys(XEN), Object.keys(GUEST).slice(0, 3)],
    // The rate-limited level is never below the other one.
    ["loglvl=warning/none guest_loglvl=info/error", warnings, Object.keys(GUEST).slice(0, 3)],
    ["loglvl", warnings, ["LOG_G_ERR", "LOG_G_WARNING"]],
  ])("%j", (cmdline, xen, guest) => {
    const host = new LogHost(cmdline);
    expect(host.printed()).toEqual([]);
    expect(host.passing(XEN)).toEqual(xen);
    expect(host.passing(GUEST)).toEqual(guest);
  });

  it.each([
    ["loglvl=loud", "loglvl", "loud"],
    ["guest_loglvl=none/loud", "guest_loglvl", "none/loud"],
    ["loglvl=infos", "loglvl", "infos"],
    ["loglvl=warning/", null, ""],
    ["loglvl=error/all/", "loglvl", "error/all/"],
    ["loglvl=Warning", "loglvl", "Warning"],
    ["dom0_max_vcpus=2", "dom0_max_vcpus", "2"],
  ])("%j is answered as Xen answers it", (cmdline, name, value) => {
    const host = new LogHost(`${cmdline} console=com1`);
    expect(host.printed()).toEqual(name === null ? [] : [invalid(name, value)]);
  });

  it("a level that is none counts as a warning's; an unknown option is named without its value", () => {
    expect(new LogHost("loglvl=all loglvl=loud").passing(XEN)).toEqual(["LOG_ERR", "LOG_WARNING", "LOG_DEFAULT"]);
    expect(new LogHost("loud_loglvl=all").printed()).toEqual(['(XEN) parameter "loud_loglvl" unknown!\n']);
    expect(new LogHost("loglvl=none loud=1").printed()).toEqual([]);
  });

  it("do not count while everything is to be printed", () => {
    const host = new LogHost("loglvl=none guest_loglvl=none");
    host.core.startLogEverything();
    host.core.startLogEverything();
    host.core.endLogEverything();
    expect(host.passing(XEN)).toEqual(Object.keys(XEN));
    expect(host.passing(GUEST)).toEqual(Object.keys(GUEST));
    host.core.endLogEverything();
    expect(host.passing(XEN)).toEqual([]);
  });
});

describe("the rate limit", () => {
  const flood = (host: LogHost, kind: number, count: number): string[] => {
    for (let i = 0; i < count; i++) host.core.say(kind, i);
    return host.printed();
  };

  it("lets ten messages through, then one in five seconds, and says how many it kept back", () => {
    const host = new LogHost("");
    expect(flood(host, LOG_G_WARNING, 1000)).toEqual(Array.from({ length: 10 }, (_, i) => `(XEN) ${i}\n`));
    host.pass(4999);
    expect(flood(host, LOG_G_ERR, 7)).toEqual([]);
    host.pass(1);
    expect(flood(host, LOG_G_ERR, 7)).toEqual(["(XEN) printk: 997 messages suppressed.\n", "(XEN) 0\n"]);
    host.pass(10_000);
    expect(flood(host, LOG_G_ERR, 7)).toEqual(["(XEN) printk: 6 messages suppressed.\n", "(XEN) 0\n", "(XEN) 1\n"]);
    // No more than ten are saved up, however long it was quiet.
    host.pass(1e9);
    expect(flood(host, LOG_G_ERR, 100)).toHaveLength(11);
  });

  it("does not touch what is below the lower threshold, nor what is not printed at all", () => {
    const host = new LogHost("loglvl=warning/all guest_loglvl=error/warning");
    expect(flood(host, LOG_G_ERR, 500)).toHaveLength(500);
    expect(flood(host, LOG_G_INFO, 500)).toEqual([]);
    expect(flood(host, LOG_G_WARNING, 500)).toHaveLength(10);
    // There is one limit for all, as in Xen, and the flood above has used it up.
    expect(flood(host, LOG_DEBUG, 5)).toEqual([]);
    expect(flood(host, LOG_WARNING, 5)).toHaveLength(5);
  });
});

describe("the serial port's reader", () => {
  const all = (): LogHost => new LogHost("loglvl=all guest_loglvl=all");

  it("gets each line with its level, origin and time", () => {
    const host = all();
    const log = new XenLog();
    for (const kind of [...Object.values(XEN), ...Object.values(GUEST)]) {
      host.core.say(kind, kind);
      host.pass(1);
    }
    host.core.sayNothing(LOG_INFO);
    const lines = log.add(host.port.take());
    const names = ["error", "warning", "info", "debug"];
    expect(lines.map(({ level: of }) => of)).toEqual([...names, null, ...names, "info"]);
    expect(lines.map(({ origin }) => origin)).toEqual([...Array(5).fill("xen"), ...Array(4).fill("guest"), "xen"]);
    expect(lines.map(({ time }) => time / 1e6)).toEqual(Array.from({ length: 10 }, (_, i) => 60_000 + i));
    expect(lines.at(-2)!.text).toBe(`(XEN) ${LOG_G_DEBUG}`);
    expect(lines.at(-1)!.text).toBe("(XEN) ");
    expect(log.lines).toEqual(lines);
    expect(host.port.take()).toEqual({ pieces: [], lost: 0 });
  });

  it("takes what looks like a line of Xen's from the hardware domain for that domain's words, in whole lines", () => {
    const host = all();
    const log = new XenLog();
    host.write("dom0: hand", LOG_DOMAIN_BYTES);
    expect(log.add(host.port.take())).toEqual([]);
    host.write("ler\r\n(XEN) Panic on CPU 0:\n(XEN) be", LOG_DOMAIN_BYTES);
    host.core.say(LOG_ERR, 1);
    host.write("gun\n", LOG_DOMAIN_BYTES);
    host.write("x".repeat(3000), LOG_DOMAIN_BYTES);
    const lines = log.add(host.port.take());
    expect(lines.map(({ text, level: of, origin }) => [text.slice(0, 25), of, origin])).toEqual([
      ["dom0: handler", null, "domain"],
      ["(XEN) Panic on CPU 0:", null, "domain"],
      ["(XEN) be", null, "domain"],
      ["(XEN) 1", "error", "xen"],
      ["gun", null, "domain"],
      ["x".repeat(25), null, "domain"],
    ]);
  });

  it("loses whole pieces, and says how many, when marks or bytes were overwritten; none gets another's mark", () => {
    const host = all();
    const kinds = [...Object.values(XEN), ...Object.values(GUEST)];
    for (let i = 0; i < 5000; i++) host.core.say(kinds[i % kinds.length]!, i);
    const many = host.port.take();
    expect(many.pieces.length + many.lost).toBe(5000);
    // The oldest mark's place is used for the next one.
    expect(many.pieces).toHaveLength(SERIAL_MARK_COUNT - 1);
    for (const { bytes, kind } of many.pieces) {
      const number = Number(Buffer.from(bytes).toString().slice(6));
      expect(kind).toBe(kinds[number % kinds.length]);
    }
    const long = "y".repeat(300);
    for (let i = 0; i < 400; i++) host.write(`${i} ${long}\n`, i % 2 ? LOG_DOMAIN_BYTES : LOG_ERR);
    const big = host.port.take();
    expect(big.pieces.length + big.lost).toBe(400);
    expect(big.pieces.length).toBe(Math.floor(SERIAL_SIZE / 305));
    for (const { bytes, kind } of big.pieces) {
      const text = Buffer.from(bytes).toString();
      expect(text).toMatch(/^\d+ y{300}\n$/);
      expect(kind).toBe(parseInt(text) % 2 ? LOG_DOMAIN_BYTES : LOG_ERR);
    }
  });

  it("and the console ring go on behind 2^32 bytes and 2^32 pieces", () => {
    const host = all();
    const view = new DataView(host.memory.buffer);
    const pieces = 100;
    for (const at of [SERIAL_PRODUCER, SERIAL_CLAIMED, ROOT_CONRING_PRODUCER, ROOT_CONRING_CONSUMER])
      view.setUint32(at, 0xffffff83, true);
    view.setUint32(SERIAL_MARKS_PRODUCER, 0xfffffff0, true);
    host.port.take();
    for (let i = 0; i < pieces; i++) host.core.say(LOG_ERR, i);
    const text = Array.from({ length: pieces }, (_, i) => `(XEN) ${i}\n`).join("");
    const output = host.port.take();
    expect(output.lost).toBe(0);
    expect(Buffer.concat(output.pieces.map(({ bytes }) => bytes)).toString()).toBe(text);
    expect(output.pieces.every(({ kind }) => kind === LOG_ERR)).toBe(true);
    const ring = (): string => {
      const first = host.core.conringConsumer() >>> 0;
      const length = ((host.core.conringProducer() >>> 0) - first) >>> 0;
      host.core.conringRead(SCRATCH, first, length);
      return Buffer.from(host.bytes.slice(SCRATCH, SCRATCH + length)).toString();
    };
    expect(ring()).toBe(text);
    // It moves to a larger ring, as at boot.
    host.core.conringMove(LARGER_RING, 32768);
    expect(ring()).toBe(text);
    // The oldest text goes when it is full.
    for (let i = 0; i < 5000; i++) host.core.say(LOG_ERR, i);
    expect(ring()).toHaveLength(32768);
    expect(ring().endsWith("(XEN) 4998\n(XEN) 4999\n")).toBe(true);
  });

  it("never gives a line another's level, while they come faster than it reads", async () => {
    const host = all();
    const count = 400_000;
    const flood = new Worker(FLOOD, { eval: true, workerData: { memory: host.memory, module, count } });
    const ended = new Promise<number>((resolve) => flood.once("exit", resolve));
    let running = true;
    void ended.then(() => (running = false));
    let taken = 0;
    let lost = 0;
    let last = -1;
    const wrong: string[] = [];
    const take = (): void => {
      const output = host.port.take();
      lost += output.lost;
      taken += output.pieces.length;
      for (const { bytes, kind } of output.pieces) {
        const text = Buffer.from(bytes).toString();
        const number = Number(/^\(XEN\) (\d+)\n$/.exec(text)?.[1] ?? NaN);
        if (!(number > last) || kind !== (number & level.LOG_LEVEL_MASK)) wrong.push(`${text} ${kind} after ${last}`);
        last = number;
      }
    };
    while (running) {
      for (let i = 0; i < 20; i++) take();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await ended).toBe(0);
    take();
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(taken + lost).toBe(count);
    expect(last).toBe(count - 1);
  }, 120_000);

  it("keeps a bounded log", () => {
    const log = new XenLog();
    const piece = (text: string): void =>
      void log.add({ pieces: [{ bytes: Buffer.from(text), kind: LOG_DOMAIN_BYTES, time: 0, end: 0 }], lost: 3 });
    for (let i = 0; i < 400; i++) piece("\n".repeat(100));
    expect(log.lines).toHaveLength(8192);
    expect(log.lost).toBe(1200);
    for (let i = 0; i < 4000; i++) piece(`${i} ${"z".repeat(500)}\n`);
    const characters = log.lines.reduce((sum, { text }) => sum + text.length, 0);
    expect(characters).toBeLessThanOrEqual(512 * 1024);
    expect(characters).toBeGreaterThan(511 * 1024);
    expect(log.lines.at(-1)!.text).toMatch(/^3999 z/);
  });

  it("the console ring has the text alone", () => {
    const host = new LogHost("loglvl=all console=none");
    host.core.say(LOG_ERR, 7);
    expect(host.printed()).toEqual([]);
    const length = host.core.conringProducer() - host.core.conringConsumer();
    host.core.conringRead(SCRATCH, host.core.conringConsumer(), length);
    expect(Buffer.from(host.bytes.slice(SCRATCH, SCRATCH + length)).toString()).toBe("(XEN) 7\n");
  });
});
