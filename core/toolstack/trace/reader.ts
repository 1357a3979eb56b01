/**
 * The trace's thread: takes the records out of the hypervisor's rings (hypervisor/abi/trace.ts) twenty times a second, and hands them over by domain.
 * As long as what it has handed over is not taken, it leaves the rings alone, and the hypervisor counts what it could not record. It writes nothing
 * but the consumer indices of the rings.
 */
import { parentPort, workerData } from "node:worker_threads";
import * as area from "../../hypervisor/abi/native.ts";
import * as trace from "../../hypervisor/abi/trace.ts";
import { startClock } from "../../machine/clock.ts";
import { callsByNumber, domainAt } from "../../dom0/kernel/calls-by-number.ts";
import { COMMAND_END, CONTROL_COMMAND, CONTROL_WAITING, type FromReader, type ReaderData } from "./batches.ts";

/** Together with the size of a ring, this limits the cost of a trace: a pCPU records no more than 4096 hypercalls in this time. */
const PERIOD_MS = 50;
const LOOKS_PER_BATCH = 2;
const MOST_WAITING = 2;
/** The largest number of records in one message. */
const MOST_RECORDS = 65_536;
const SIZE = trace.TRACE_RECORD_SIZE;

const { memory, clockBase, buffers, statistics, control } = workerData as ReaderData;
const words = new Int32Array(memory.buffer);
const bytes = new Uint8Array(memory.buffer);
const view = new DataView(memory.buffer);
const state = new Int32Array(control);
const now = startClock(clockBase);
const word = (at: number): number => view.getUint32(at, true);
const rings = Array.from({ length: word(buffers + trace.TRACE_RINGS) }, (_, i) =>
  word(buffers + trace.TRACE_RING_TABLE + 4 * i),
);
const ringRecords = word(buffers + trace.TRACE_RECORDS);

/** The low halves of VCPU_TRACE_LOST, as far as they have been reported, by domid and vCPU. */
const told = new Map<number, number>();
const vcpuKey = (domid: number, vcpu: number): number => domid * 0x10000 + vcpu;

const taken: Uint8Array[] = [];
let takenRecords = 0;

function take(ring: number): void {
  const producer = Atomics.load(words, (ring + trace.TRACE_PRODUCER) >>> 2) >>> 0;
  const at = (ring + trace.TRACE_CONSUMER) >>> 2;
  const consumer = Atomics.load(words, at) >>> 0;
  const count = Math.min((producer - consumer) >>> 0, ringRecords, MOST_RECORDS - takenRecords);
  if (count === 0) return;
  const copy = new Uint8Array(count * SIZE);
  const first = consumer % ringRecords;
  const straight = Math.min(count, ringRecords - first);
  const data = ring + trace.TRACE_DATA;
  copy.set(bytes.subarray(data + first * SIZE, data + (first + straight) * SIZE));
  copy.set(bytes.subarray(data, data + (count - straight) * SIZE), straight * SIZE);
  Atomics.store(words, at, (consumer + count) | 0);
  taken.push(copy);
  takenRecords += count;
}

/** Returns what has been lost and has not been reported yet, by domain. From then on it counts as reported. */
function lostSince(): Map<number, number> {
  const lost = new Map<number, number>();
  for (
    let domain = word(statistics + area.STATISTICS_DOMAINS);
    domain !== 0;
    domain = word(domain + area.DOMAIN_NEXT)
  ) {
    const domid = word(domain + area.DOMAIN_DOMID);
    const table = word(domain + area.DOMAIN_VCPUS);
    for (let n = 0; n < word(domain + area.DOMAIN_MAX_VCPUS); n++) {
      const vcpu = word(table + 4 * n);
      if (vcpu === 0) continue;
      const count = newlyLost(domid, n, word(vcpu + area.VCPU_TRACE_LOST));
      if (count > 0) lost.set(domid, (lost.get(domid) ?? 0) + count);
    }
  }
  return lost;
}

function newlyLost(domid: number, vcpu: number, total: number): number {
  const key = vcpuKey(domid, vcpu);
  // A record that began before others which were handed over already knows of fewer.
  const more = (total - (told.get(key) ?? 0)) | 0;
  if (more <= 0) return 0;
  told.set(key, total);
  return more;
}

/** Returns what was taken, in the order in which it began. */
function sorted(): { records: DataView; order: Uint32Array } {
  const all = new Uint8Array(takenRecords * SIZE);
  let end = 0;
  for (const part of taken) {
    all.set(part, end);
    end += part.length;
  }
  taken.length = 0;
  takenRecords = 0;
  const records = new DataView(all.buffer);
  const times = Float64Array.from({ length: end / SIZE }, (_, n) =>
    Number(records.getBigUint64(n * SIZE + trace.TRACE_TIME, true)),
  );
  const order = Uint32Array.from({ length: times.length }, (_, n) => n * SIZE);
  // The records of one ring are nearly in order: the record of a multicall follows those of its entries.
  return { records, order: order.sort((a, b) => times[a / SIZE]! - times[b / SIZE]!) };
}

function handOver(): void {
  const { records, order } = sorted();
  const counts = new Map<number, number>();
  for (const at of order) {
    const domid = records.getUint16(at + trace.TRACE_DOMID, true);
    counts.set(domid, (counts.get(domid) ?? 0) + 1);
  }
  const batches: { domid: number; records: Uint8Array; lost: number; end: number }[] = [];
  for (const [domid, count] of counts) batches.push({ domid, records: new Uint8Array(count * SIZE), lost: 0, end: 0 });
  for (const at of order) {
    const domid = records.getUint16(at + trace.TRACE_DOMID, true);
    const vcpu = records.getUint16(at + trace.TRACE_VCPU, true);
    const lost = newlyLost(domid, vcpu, records.getUint32(at + trace.TRACE_LOST, true));
    records.setUint32(at + trace.TRACE_LOST, lost, true);
    const batch = batches.find((each) => each.domid === domid)!;
    batch.records.set(new Uint8Array(records.buffer, at, SIZE), batch.end);
    batch.end += SIZE;
  }
  for (const [domid, lost] of lostSince()) {
    const batch = batches.find((each) => each.domid === domid);
    if (batch) batch.lost = lost;
    else batches.push({ domid, records: new Uint8Array(0), lost, end: 0 });
  }
  if (batches.length === 0) return;
  Atomics.add(state, CONTROL_WAITING, 1);
  const time = now();
  const message: FromReader = {
    batches: batches.map(({ domid, records, lost }) => ({
      domid,
      records,
      lost,
      time,
      calls: callsByNumber(view, domainAt(view, statistics, domid)),
    })),
  };
  parentPort?.postMessage(
    message,
    batches.map(({ records }) => records.buffer as ArrayBuffer),
  );
}

// What others left in the rings before belongs to nobody.
for (const ring of rings)
  Atomics.store(words, (ring + trace.TRACE_CONSUMER) >>> 2, Atomics.load(words, (ring + trace.TRACE_PRODUCER) >>> 2));
lostSince();
const ready: FromReader = { ready: true };
parentPort?.postMessage(ready);
for (let looks = 1; ; looks++) {
  Atomics.wait(state, CONTROL_COMMAND, 0, PERIOD_MS);
  const command = Atomics.exchange(state, CONTROL_COMMAND, 0);
  const isCommanded = command !== 0;
  for (const ring of rings) take(ring);
  if (isCommanded || (looks % LOOKS_PER_BATCH === 0 && Atomics.load(state, CONTROL_WAITING) < MOST_WAITING)) handOver();
  if (command === COMMAND_END) break;
  if (isCommanded) parentPort?.postMessage({ handedOver: true } satisfies FromReader);
}
