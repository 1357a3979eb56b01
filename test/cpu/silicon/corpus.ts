/**
 * A record of what silicon did, for machines that are not x86-64. It does not contain the cases. The generator makes them again, each form's from a
 * seed of its own, and a hash checks them. Of a result it contains only what differs from the case. The file is the gzip of the instances in the
 * order of FORMS, each as: u32 hash of the case, u16 bytes of differences, then the differences as (u8 bytes to skip, u8 bytes of difference, the
 * bytes XORed). A skip of 255 with no bytes continues.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { VISIBLE_FLAGS } from "./compare.ts";
import { FORMS, formKey, type Form } from "./forms.ts";
import { CASE, CODE_ADDRESS, instance, Random, RESULT, type Instance } from "./generate.ts";

export const CORPUS = path.join(import.meta.dirname, "corpus/silicon.gz");
export const PER_FORM = 28;
const TRAP_BREAKPOINT = 3;
const TRAP_PAGE_FAULT = 14;
const RFLAGS_FIXED = 2n;

export function hash(bytes: Uint8Array, start = 0x811c9dc5): number {
  let value = start;
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

/** The corpus' instances, `perForm` of each form. */
export function* corpusInstances(perForm: number, forms: readonly Form[] = FORMS): Generator<Instance> {
  for (const form of forms) {
    const random = new Random(hash(Buffer.from(formKey(form))));
    for (let i = 0; i < perForm; i++) yield instance(form, random);
  }
}

/** The result of an instruction that changes nothing. */
function unchanged({ bytes, length, flagMask }: Instance): Buffer {
  const result = Buffer.alloc(RESULT.size);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  result.writeUInt32LE(TRAP_BREAKPOINT, RESULT.trap);
  result.writeBigUInt64LE(BigInt(CODE_ADDRESS + length + 1), RESULT.rip);
  const flags = view.getBigUint64(CASE.rflags, true) & VISIBLE_FLAGS & ~flagMask;
  result.writeBigUInt64LE(flags | RFLAGS_FIXED, RESULT.rflags);
  result.set(bytes.subarray(CASE.gpr, CASE.gpr + 128), RESULT.gpr);
  result.set(bytes.subarray(CASE.fx, CASE.fx + 416), RESULT.fx);
  result.set(bytes.subarray(CASE.memory), RESULT.memory); // and the upper halves of YMM0..15
  return result;
}

/** Removes from a result what is not compared. */
function comparable({ flagMask }: Instance, silicon: Uint8Array): Buffer {
  const result = Buffer.from(silicon);
  const pageFault = result.readUInt32LE(RESULT.trap) === TRAP_PAGE_FAULT;
  if (!pageFault) result.fill(0, RESULT.error, RESULT.cr2 + 8);
  const flags = result.readBigUInt64LE(RESULT.rflags) & VISIBLE_FLAGS & ~flagMask;
  result.writeBigUInt64LE(flags | RFLAGS_FIXED, RESULT.rflags);
  result.fill(0, RESULT.fx + 5, RESULT.fx + 6);
  result.fill(0, RESULT.fx + 28, RESULT.fx + 32);
  for (let i = 0; i < 8; i++) result.fill(0, RESULT.fx + 42 + 16 * i, RESULT.fx + 48 + 16 * i);
  result.fill(0, RESULT.fx + 416, RESULT.fx + 512);
  return result;
}

/** Returns where `to` differs, in the format of the file. */
export function differences(from: Uint8Array, to: Uint8Array): Buffer {
  const out: number[] = [];
  let done = 0;
  for (let at = 0; at < to.length;) {
    if (from[at] === to[at]) {
      at++;
      continue;
    }
    let end = at;
    while (end < to.length && end - at < 255 && from[end] !== to[end]) end++;
    for (; at - done > 254; done += 255) out.push(255, 0);
    out.push(at - done, end - at);
    for (let i = at; i < end; i++) out.push(from[i]! ^ to[i]!);
    done = at = end;
  }
  return Buffer.from(out);
}

/** Applies differences: turns `from` of differences() into `to`. */
export function applyDifferences(changes: Uint8Array, result: Uint8Array): void {
  let place = 0;
  for (let at = 0; at < changes.length;) {
    place += changes[at]!;
    const length = changes[at + 1]!;
    at += 2;
    for (let i = 0; i < length; i++) result[place++]! ^= changes[at++]!;
  }
}

/** Makes the file from results in the order of corpusInstances(). */
export function encodeCorpus(recorded: Iterable<[Instance, Uint8Array]>): Buffer {
  const parts: Buffer[] = [];
  for (const [one, silicon] of recorded) {
    const changes = differences(unchanged(one), comparable(one, silicon));
    const head = Buffer.alloc(6);
    head.writeUInt32LE(hash(one.bytes));
    head.writeUInt16LE(changes.length, 4);
    parts.push(head, changes);
  }
  return gzipSync(Buffer.concat(parts), { level: 9 });
}

/** Returns the instances with silicon's results. Throws if the generator no longer makes the cases that were recorded. */
export function* readCorpus(perForm = PER_FORM): Generator<[Instance, Buffer]> {
  const file = gunzipSync(readFileSync(CORPUS));
  let at = 0;
  for (const one of corpusInstances(perForm)) {
    if (at >= file.length || file.readUInt32LE(at) !== hash(one.bytes))
      throw new Error(
        `the corpus has another case than the generator makes for ${formKey(one.form)}: record it again (npm run test:cpu:record)`,
      );
    const end = at + 6 + file.readUInt16LE(at + 4);
    const result = unchanged(one);
    applyDifferences(file.subarray(at + 6, end), result);
    at = end;
    yield [one, result];
  }
  if (at !== file.length) throw new Error("the corpus has more cases than the generator makes: record it again");
}
