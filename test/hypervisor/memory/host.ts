/** A booted host for the tests of memory, and a PV domain with page tables that makes calls. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { CORE_FOLDERS, buildWasm } from "../../../core/build.mjs";
import { waitIn } from "../../../core/machine/core-instance.ts";
import { SERIAL_CONSUMER, SERIAL_DATA, SERIAL_PRODUCER, SERIAL_SIZE } from "../../../core/machine/layout.ts";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../../..");

export interface Core {
  boot(frames: number): number;
  codeVersionTable(): number;
  codeFlagTable(): number;
  waitedFor(guest: bigint): number;
  setPcpus(count: number): void;
  makeDomain(domid: number, flags: number, maxPages: number): number;
  become(domid: number): void;
  setRoot(domid: number, mfn: number): number;
  dropVcpu(domid: number): void;
  forgetDomain(domid: number): void;
  totPages(domid: number): number;
  kernelRoot(domid: number): number;
  setMaxPages(domid: number, pages: number): number;
  allocDomheapPages(order: number, domid: number): number;
  allocDomheapContiguous(count: number, domid: number): number;
  allocXenheapPages(order: number): number;
  freeDomheapPages(mfn: bigint, order: number, domid: number): number;
  freeXenheapPages(mfn: number, order: number): void;
  freePages(): number;
  claim(domid: number, total: bigint): number;
  claimFits(domid: number, total: number): number;
  claimOf(domid: number): number;
  getPage(mfn: bigint, domid: number): number;
  putPage(mfn: number): void;
  getPageType(mfn: number, type: number): number;
  putPageType(mfn: number): void;
  pageCount(mfn: number): number;
  pageOwner(mfn: number): number;
  pageTypeCount(mfn: number): number;
  pageTypeOf(mfn: number): number;
  m2pGet(mfn: number): bigint;
  doMemoryOp(command: bigint, arg: bigint): bigint;
  doMmuUpdate(ureqs: bigint, count: number, pdone: bigint, foreigndom: number): bigint;
  doMmuextOp(uops: bigint, count: number, pdone: bigint, foreigndom: number): bigint;
  doUpdateVaMapping(va: bigint, value: bigint, flags: bigint): bigint;
  doUpdateVaMappingOtherdomain(va: bigint, value: bigint, flags: bigint, domid: number): bigint;
  doGrantTableOp(command: number, uop: bigint, count: number): bigint;
  secondStage(domid: number, gfn: bigint): bigint;
  shareable(domid: number, first: bigint, count: number): number;
  copyDomain(from: number, to: number, first: bigint, count: number): number;
  writeFault(domid: number, gfn: bigint): number;
  guestWrites(domid: number, gfn: bigint, value: number, times: number): number;
  tablesOfSecondStage(domid: number): number;
  idOfSecondStage(domid: number): number;
  leafAt(domid: number, gfn: bigint): number;
  stalePcpus(domid: number): number;
  runsOn(pcpu: number, domid: number): void;
  unshareInfo(domid: number): void;
  holdWritable(holder: number, domid: number, mfn: bigint): number;
  dropWritable(holder: number, mfn: bigint): number;
  checkMemory(): number;
  keepTable(domid: number, mfn: number): number;
  settle(domid: number): number;
  relinquishMemory(domid: number): number;
  memoryDomainGone(domid: number): number;
  interrupt(waiting: boolean): void;
  grantTableMfn(domid: number): number;
  readonly nextArg0: WebAssembly.Global<"i64">;
  readonly nextArg1: WebAssembly.Global<"i64">;
  readonly nextArg2: WebAssembly.Global<"i64">;
}

export const DOM0 = 0;
export const SELF = 0x7ff0;
/** Types as pageTypeOf returns them. */
export const WRITABLE = 7;

/** The modules of the entries. A file of tests boots dozens of hosts, and to hash the sources and to compile them takes far longer than to boot one. */
const modules = new Map<string, Promise<WebAssembly.Module>>();
function compiled(entry: string): Promise<WebAssembly.Module> {
  const make = async (): Promise<WebAssembly.Module> => {
    const output = path.join(root, `dist/test/${path.basename(entry)}.wasm`);
    await buildWasm(path.join(here, `${entry}.ts`), output, CORE_FOLDERS);
    return new WebAssembly.Module(readFileSync(output));
  };
  const module = modules.get(entry) ?? make();
  modules.set(entry, module);
  return module;
}

export class Host {
  readonly core: Core;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;

  private constructor(core: Core, memory: WebAssembly.Memory, module: WebAssembly.Module) {
    const { buffer } = memory;
    this.core = core;
    this.memory = memory;
    this.module = module;
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
  }

  /** Boots a host with `mebibytes` of memory. Its dom0 is a privileged native domain that owns nothing yet. */
  static async boot(mebibytes: number, entry = "memory-entry"): Promise<Host> {
    const module = await compiled(entry);
    const memory = new WebAssembly.Memory({ initial: mebibytes * 16, maximum: 65536, shared: true });
    const now = (): number => performance.now() * 1e6;
    const trap = (code: number): never => {
      throw new Error(`trap ${code}`);
    };
    const instance = new WebAssembly.Instance(module, {
      env: { memory, now, wait: waitIn(memory), adopt() {}, trap, abort: trap },
    });
    const host = new Host(instance.exports as unknown as Core, memory, module);
    if (!host.core.boot(mebibytes * 256)) throw new Error("too little memory");
    if (!host.core.makeDomain(DOM0, 3, 0x10000)) throw new Error("no memory for dom0");
    host.core.become(DOM0);
    return host;
  }

  /** Returns the Xen log so far, for the messages of tests that fail. */
  log(): string {
    const producer = this.view.getUint32(SERIAL_PRODUCER, true);
    const from = Math.max(0, producer - SERIAL_SIZE, this.view.getUint32(SERIAL_CONSUMER, true));
    let text = "";
    for (let i = from; i < producer; i++) text += String.fromCharCode(this.bytes[SERIAL_DATA + (i % SERIAL_SIZE)]!);
    return text;
  }

  get64 = (address: number): bigint => this.view.getBigUint64(address, true);
  set64 = (address: number, value: bigint | number): void => this.view.setBigUint64(address, BigInt(value), true);
  get32 = (address: number): number => this.view.getUint32(address, true);
  set32 = (address: number, value: number): void => this.view.setUint32(address, value >>> 0, true);
  get16 = (address: number): number => this.view.getUint16(address, true);
  set16 = (address: number, value: number): void => this.view.setUint16(address, value, true);
}

export const P = 1n;
export const RW = 2n;
export const US = 4n;

/** The linear address at which the frames of a PV domain appear: frame i is at BASE + i * 4096. */
export const BASE = 0x10000000n;

/**
 * A PV domain of `pages` frames: frame 0 is its L4 table, 1 the L3, 2 the L2, and from 3 on there are as many L1 tables as it takes to map all
 * frames. The tables are mapped read-only. The L4 table is pinned and loaded.
 */
export class PvDomain {
  readonly host: Host;
  readonly domid: number;
  readonly mfns: number[] = [];
  readonly tables: number;
  /** The index of the frame that is used for the arguments of hypercalls. */
  readonly args: number;

  constructor(host: Host, domid: number, pages: number, spare = 16) {
    this.host = host;
    this.domid = domid;
    const { core } = host;
    if (!core.makeDomain(domid, 0, pages + spare)) throw new Error("no memory for the domain");
    for (let i = 0; i < pages; i++) {
      const mfn = core.allocDomheapPages(0, domid);
      if (!mfn) throw new Error("no frames for the domain");
      this.mfns.push(mfn);
    }
    const l1s = Math.ceil(pages / 512);
    this.tables = 3 + l1s;
    this.args = this.tables;
    const entry = (index: number, flags: bigint): bigint => (BigInt(this.mfns[index]!) << 12n) | flags;
    const slot = (level: number): number => Number((BASE >> BigInt(3 + 9 * level)) & 511n) * 8;
    host.set64(this.address(0) + slot(4), entry(1, P | RW | US));
    host.set64(this.address(1) + slot(3), entry(2, P | RW | US));
    for (let t = 0; t < l1s; t++) host.set64(this.address(2) + slot(2) + t * 8, entry(3 + t, P | RW | US));
    for (let i = 0; i < pages; i++) host.set64(this.entryAddress(i), entry(i, i < this.tables ? P | US : P | RW | US));
    this.pin(0, 3);
    const error = core.setRoot(domid, this.mfns[0]!);
    if (error) throw new Error(`setRoot: ${error}`);
  }

  /** The machine address of frame `index`. */
  address = (index: number): number => this.mfns[index]! * 4096;
  /** The linear address of frame `index`. */
  va = (index: number): bigint => BASE + BigInt(index) * 4096n;
  /** The machine address of the L1 entry that maps frame `index`. */
  entryAddress = (index: number): number => this.address(3 + Math.floor(index / 512)) + (index % 512) * 8;

  /** Pins frame `index` as a page table. dom0 makes the call, as the domain builder does. */
  pin(index: number, command: number): void {
    const result = this.pinResult(index, command);
    if (result !== 0n) throw new Error(`pin: ${result}\n${this.host.log()}`);
  }
  pinResult(index: number, command: number): bigint {
    const { core } = this.host;
    core.become(DOM0);
    const page = dom0Page(this.host);
    this.host.set32(page, command);
    this.host.set64(page + 8, this.mfns[index]!);
    const result = core.doMmuextOp(BigInt(page), 1, 0n, this.domid);
    core.become(this.domid);
    return result;
  }

  become(): void {
    this.host.core.become(this.domid);
  }
  mmuUpdate(ptr: bigint | number, value: bigint, foreigndom = SELF): bigint {
    this.become();
    const at = this.address(this.args);
    this.host.set64(at, ptr);
    this.host.set64(at + 8, value);
    return this.host.core.doMmuUpdate(this.va(this.args), 1, 0n, foreigndom);
  }
  mmuext(command: number, arg1: bigint | number = 0n, arg2: bigint | number = 0n): bigint {
    this.become();
    const at = this.address(this.args);
    this.host.set32(at, command);
    this.host.set64(at + 8, arg1);
    this.host.set64(at + 16, arg2);
    return this.host.core.doMmuextOp(this.va(this.args), 1, 0n, SELF);
  }
  /** Writes a structure and makes a grant_table_op of it. Returns the structure's machine address. */
  grantOp(command: number, fill: (at: number) => void): number {
    this.become();
    const at = this.address(this.args);
    this.host.bytes.fill(0, at, at + 64);
    fill(at);
    const result = this.host.core.doGrantTableOp(command, this.va(this.args), 1);
    if (result !== 0n) throw new Error(`grant_table_op ${command}: ${result}`);
    return at;
  }
  memoryOp(command: number, fill: (at: number) => void): bigint {
    this.become();
    const at = this.address(this.args);
    this.host.bytes.fill(0, at, at + 128);
    fill(at);
    return this.host.core.doMemoryOp(BigInt(command), this.va(this.args));
  }
}

const dom0Pages = new WeakMap<Host, number>();
/** The machine address of a frame that dom0 owns. */
export function dom0Page(host: Host): number {
  let page = dom0Pages.get(host);
  if (!page) {
    page = host.core.allocDomheapPages(0, DOM0) * 4096;
    dom0Pages.set(host, page);
  }
  return page;
}

/** Takes a domain apart completely. Throws if anything of it is left. */
export function destroy(host: Host, domid: number): void {
  const { core } = host;
  core.become(DOM0);
  core.dropVcpu(domid);
  for (let i = 0; core.relinquishMemory(domid); i++) if (i > 10000) throw new Error("teardown does not end");
  if (!core.memoryDomainGone(domid)) throw new Error(`domain ${domid} still has ${core.totPages(domid)} frames`);
  core.forgetDomain(domid);
}
