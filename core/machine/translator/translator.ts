/**
 * Turns requests into modules: reads guest code from the machine's memory, writes a function for each region.
 *
 * A module has, besides its code, places in the function table and decoded operations in a pool in shared memory. When there are no
 * more of them, old modules must be given up (release), after every pCPU has dropped them.
 */
import { OP_SIZE } from "../cpu/op.ts";
import { readOp, type DecodedOp } from "./decoded.ts";
import { IMPORTS, REGION_TYPE } from "./imports.ts";
import { findRegion, type Decode } from "./region.ts";
import { translateRegion } from "./translate.ts";
import { moduleBytes, type FunctionBody } from "./wasm.ts";

const MODE_64 = 1;

/** A region as the pCPUs are told of it. */
export interface RegionPlace {
  /** Machine address of its first byte. */
  host: number;
  /** In the function table. */
  index: number;
  /** Code version of its frame that it was made of. */
  version: number;
}
export interface TranslatedModule {
  /** Names it to those who adopt and drop it. */
  id: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** In the order of the module's functions. */
  regions: RegionPlace[];
}

export interface TranslatorMachine {
  memory: WebAssembly.Memory;
  /** The decoder of core.wasm: see ../cpu/decode.ts. */
  decode(op: number, mode: number, bytes: number, available: number, offset: number): number;
  /** Machine addresses of the tables of ../cpu/code_frames.ts. */
  codeVersions: number;
  codeFlags: number;
  /** Machine addresses of the pool. */
  pool: number;
  poolEnd: number;
}

const CODE = 1;

export class Translator {
  readonly #machine: TranslatorMachine;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** Machine addresses for operations, and places in the function table, that no module has. */
  readonly #freeOps: number[] = [];
  readonly #freeIndices: number[] = [];
  readonly #modules = new Map<number, { ops: number[]; indices: number[] }>();
  #nextModule = 1;

  /** `table`: first index in the function table and the one after the last. */
  constructor(machine: TranslatorMachine, table: { first: number; end: number }) {
    this.#machine = machine;
    this.#view = new DataView(machine.memory.buffer);
    this.#bytes = new Uint8Array(machine.memory.buffer);
    this.#words = new Uint32Array(machine.memory.buffer);
    // The first op of the pool is the decoder's scratch.
    for (let at = machine.poolEnd - OP_SIZE; at > machine.pool; at -= OP_SIZE) this.#freeOps.push(at);
    for (let index = table.end - 1; index >= table.first; index--) this.#freeIndices.push(index);
  }

  /** What is left of the scarcer of the two, of 1. */
  get room(): number {
    const { pool, poolEnd } = this.#machine;
    const indices = [...this.#modules.values()].reduce((sum, each) => sum + each.indices.length, 0);
    const left = this.#freeIndices.length;
    return Math.min(this.#freeOps.length / ((poolEnd - pool) / OP_SIZE), left / (left + indices));
  }

  /** Its operations and places may be used again: no pCPU has it any more. */
  release(id: number): void {
    const module = this.#modules.get(id);
    if (!module) return;
    this.#modules.delete(id);
    this.#freeOps.push(...module.ops);
    this.#freeIndices.push(...module.indices);
  }

  /** Code version of the frame that a machine address lies in; null if nobody has decoded from it since it was written to. */
  version(host: number): number | null {
    const frame = host >>> 12;
    if (!(this.#bytes[this.#machine.codeFlags + frame]! & CODE)) return null;
    return Atomics.load(this.#words, (this.#machine.codeVersions >> 2) + frame);
  }

  /** A module of those regions at these addresses that can be translated; null if there are none, or no room for any. */
  translate(hosts: Iterable<number>): TranslatedModule | null {
    const bodies: FunctionBody[] = [];
    const regions: RegionPlace[] = [];
    const ops: number[] = [];
    for (const host of hosts) {
      const version = this.version(host);
      if (version === null || !this.#freeIndices.length) continue;
      const kept: number[] = [];
      const body = this.#region(host, kept);
      if (!body || this.version(host) !== version) {
        this.#freeOps.push(...kept);
        continue;
      }
      ops.push(...kept);
      regions.push({ host, version, index: this.#freeIndices.pop()! });
      bodies.push(body);
    }
    if (!bodies.length) return null;
    const id = this.#nextModule++;
    this.#modules.set(id, { ops, indices: regions.map(({ index }) => index) });
    return { id, bytes: moduleBytes([...IMPORTS], REGION_TYPE, bodies), regions };
  }

  #region(host: number, kept: number[]): FunctionBody | null {
    const { pool } = this.#machine;
    const page = host - (host & 0xfff);
    const decode: Decode = (offset) => {
      const length = this.#machine.decode(pool, MODE_64, page + offset, 4096 - offset, offset);
      return length < 0 ? null : readOp(this.#view, pool);
    };
    const region = findRegion(host & 0xfff, decode);
    const first = region.blocks.get(region.entry)!;
    if (!first.ops.length) return null;
    try {
      return translateRegion(region, (op) => {
        const at = this.#freeOps.pop();
        if (at === undefined) throw new PoolFull();
        kept.push(at);
        this.#bytes.set(op.raw, at);
        return at;
      });
    } catch (error) {
      if (error instanceof PoolFull) return null;
      throw error;
    }
  }
}

/** There is no room for another decoded operation. */
class PoolFull extends Error {}
