/** The last context switches of every pCPU, read from the rings in the machine's memory that the scheduler writes. */
import { HYPERVISOR_arch_7 } from "../../abi/xen.ts";
import * as area from "../../hypervisor/abi/native.ts";
import type { PhysicalMemory } from "./memory.ts";
import type { Hypercalls } from "./hypercalls.ts";

export interface PcpuSwitches {
  pcpu: number;
  /**
   * Oldest first, with 16 bytes each, little-endian: u64 nanoseconds since power-on, u32 domid, and u32 vCPU that came onto the pCPU then. Both are
   * 0xffffffff if the pCPU became idle.
   */
  records: Uint8Array;
  /** There were more switches since then, for which the ring had no room. */
  more: boolean;
}

export class SwitchRings {
  readonly #memory: PhysicalMemory;
  readonly #statistics: number;

  /** Throws HypercallError if the caller may not read them. */
  constructor(hypercalls: Hypercalls) {
    this.#memory = hypercalls.memory;
    this.#statistics = hypercalls.call("statistics area", HYPERVISOR_arch_7, area.NATIVE_statistics);
  }

  /** Returns all switches that are kept from that moment on, and the one before it, which says what ran then. */
  since(nanoseconds: number): PcpuSwitches[] {
    const memory = this.#memory;
    const table = memory.get32(this.#statistics + area.STATISTICS_PCPU_TABLE);
    const stride = memory.get32(this.#statistics + area.STATISTICS_PCPU_STRIDE);
    const from = BigInt(Math.max(0, Math.floor(nanoseconds)));
    return Array.from({ length: memory.get32(this.#statistics + area.STATISTICS_PCPUS) }, (_, pcpu) => {
      const ring = memory.get32(table + pcpu * stride + area.PCPU_SWITCH_RING);
      const records = ring === 0 ? [] : this.#copy(ring);
      const view = (record: Uint8Array): bigint => new DataView(record.buffer, record.byteOffset).getBigUint64(0, true);
      // The first record that is not earlier than `from`. The one before it is needed too, because it says what ran at that moment.
      let first = records.findIndex((record) => view(record) >= from);
      if (first < 0) first = records.length;
      const wanted = records.slice(Math.max(0, first - 1));
      const more = first === 0 && records.length >= area.SWITCHES - 1;
      return { pcpu, records: Uint8Array.from(Buffer.concat(wanted)), more };
    });
  }

  /** Copies the ring as it is now, without what was overwritten while it was copied. */
  #copy(ring: number): Uint8Array[] {
    const count = (): number => Atomics.load(this.#memory.words(ring + area.SWITCH_COUNT, 1), 0) >>> 0;
    const before = count();
    const copied = this.#memory.bytes(ring + area.SWITCH_RECORDS, area.SWITCHES * area.SWITCH_RECORD_SIZE).slice();
    // The record after the last one that is counted may be half written. The count wraps at 2^32.
    const overwritten = ((count() - before) >>> 0) + 1;
    const kept = Math.max(0, Math.min(before, area.SWITCHES - overwritten));
    const records: Uint8Array[] = [];
    for (let i = before - kept; i < before; i++) {
      const at = (i % area.SWITCHES) * area.SWITCH_RECORD_SIZE;
      records.push(copied.subarray(at, at + area.SWITCH_RECORD_SIZE));
    }
    return records;
  }
}
