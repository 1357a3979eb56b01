/** A record of what silicon did with 16- and 32-bit code, for machines that are not x86-64. It works as ../corpus.ts does. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { applyDifferences, differences, hash } from "../corpus.ts";
import { formKey } from "../forms.ts";
import { Random, WINDOW } from "../generate.ts";
import { LEGACY_FORMS } from "./forms.ts";
import { CASE, legacyInstance, RESULT, type LegacyInstance } from "./generate.ts";

export const LEGACY_CORPUS = path.join(import.meta.dirname, "../corpus/legacy.gz");
/** The number of instances of each form, in 16-bit and in 32-bit code. */
const PER_FORM = 10;
const TRAP_BREAKPOINT = 3;

export function* legacyCorpusInstances(): Generator<LegacyInstance> {
  for (const bits of [16, 32] as const)
    for (const form of LEGACY_FORMS) {
      const random = new Random(hash(Buffer.from(`${bits} ${formKey(form)}`)));
      for (let i = 0; i < PER_FORM; i++) yield legacyInstance(form, bits, random);
    }
}

/** The result of an instruction that changes nothing. */
function unchanged({ bytes, length }: LegacyInstance): Buffer {
  const result = Buffer.alloc(RESULT.size);
  const view = new DataView(bytes.buffer);
  result.writeUInt32LE(TRAP_BREAKPOINT, RESULT.trap);
  result.writeUInt32LE(view.getUint32(CASE.eip, true) + length + 1, RESULT.eip);
  result.set(bytes.subarray(CASE.eflags, CASE.eflags + 4), RESULT.eflags);
  result.set(bytes.subarray(CASE.gpr, CASE.gpr + 32), RESULT.gpr);
  result.set(bytes.subarray(CASE.segments, CASE.segments + 12), RESULT.segments);
  result.set(bytes.subarray(CASE.memory, CASE.memory + WINDOW), RESULT.memory);
  result.set(bytes.subarray(CASE.ymm), RESULT.ymm);
  return result;
}

/** Makes the file from results in the order of legacyCorpusInstances(). */
export function encodeLegacyCorpus(recorded: Iterable<[LegacyInstance, Uint8Array]>): Buffer {
  const parts: Buffer[] = [];
  for (const [one, silicon] of recorded) {
    const changes = differences(unchanged(one), silicon);
    const head = Buffer.alloc(6);
    head.writeUInt32LE(hash(one.bytes));
    head.writeUInt16LE(changes.length, 4);
    parts.push(head, changes);
  }
  return gzipSync(Buffer.concat(parts), { level: 9 });
}

/** Returns the instances with silicon's results. Throws if the generator no longer makes the cases that were recorded. */
export function* readLegacyCorpus(): Generator<[LegacyInstance, Buffer]> {
  const file = gunzipSync(readFileSync(LEGACY_CORPUS));
  let at = 0;
  for (const one of legacyCorpusInstances()) {
    if (at >= file.length || file.readUInt32LE(at) !== hash(one.bytes))
      throw new Error(
        `the record of 16- and 32-bit code has another case than the generator makes for ${formKey(one.form)}: record it again (npm run test:cpu:record)`,
      );
    const end = at + 6 + file.readUInt16LE(at + 4);
    const result = unchanged(one);
    applyDifferences(file.subarray(at + 6, end), result);
    at = end;
    yield [one, result];
  }
  if (at !== file.length) throw new Error("the record has more cases than the generator makes: record it again");
}
