/** `npm run test:cpu:record` records what this machine's CPU does, for test/cpu/corpus.test.ts. It needs x86-64 Linux and gcc. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { CORPUS, corpusInstances, encodeCorpus, PER_FORM } from "./silicon/corpus.ts";
import type { Instance } from "./silicon/generate.ts";
import { RESULT } from "./silicon/generate.ts";
import { LEGACY_CORPUS, encodeLegacyCorpus, legacyCorpusInstances } from "./silicon/legacy/corpus.ts";
import { RESULT as LEGACY_RESULT } from "./silicon/legacy/generate.ts";
import { buildLegacySilicon, legacySilicon } from "./silicon/legacy/run.ts";
import { hasAvx } from "./silicon/vendor.ts";
import { buildSilicon, inBatches, siliconMissing, siliconResults } from "./silicon/run.ts";

const missing = siliconMissing();
if (missing) {
  console.error(`test:cpu:record: ${missing}`);
  process.exit(2);
}
if (!hasAvx()) {
  console.error("test:cpu:record: needs a CPU with AVX2, FMA and F16C");
  process.exit(2);
}
const recorded: [Instance, Uint8Array][] = [];
for await (const [batch, results] of siliconResults(buildSilicon(), inBatches(corpusInstances(PER_FORM))))
  batch.forEach((one, i) => recorded.push([one, results.subarray(i * RESULT.size, (i + 1) * RESULT.size)]));
const file = encodeCorpus(recorded);
mkdirSync(path.dirname(CORPUS), { recursive: true });
writeFileSync(CORPUS, file);
console.log(`${recorded.length} instances, ${file.length} bytes`);

const legacy = [...legacyCorpusInstances()];
const answers = await legacySilicon(buildLegacySilicon(), legacy);
const legacyFile = encodeLegacyCorpus(
  legacy.map((one, i) => [one, answers.subarray(i * LEGACY_RESULT.size, (i + 1) * LEGACY_RESULT.size)]),
);
writeFileSync(LEGACY_CORPUS, legacyFile);
console.log(`${legacy.length} instances of 16- and 32-bit code, ${legacyFile.length} bytes`);
