/**
 * `npm run test:cpu -- --seed N --count M` compares the engine with this machine's CPU and lists the differences. `--only x87` (or vector, integer,
 * the name of a form) chooses; `--translated` runs every instance as WebAssembly; `--legacy` tests 16- and 32-bit code instead of 64-bit code.
 */
import { parseArgs } from "node:util";
import { legacyConformance } from "./silicon/legacy/run.ts";
import { conformance, siliconMissing } from "./silicon/run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    count: { type: "string" },
    only: { type: "string" },
    translated: { type: "boolean" },
    legacy: { type: "boolean" },
  },
});
const seed = Number(values.seed ?? Date.now() % 0x7fffffff);
const count = Number(values.count ?? 200_000);
if (!Number.isInteger(seed) || !Number.isInteger(count) || count < 1) {
  console.error("test:cpu: --seed and --count take whole numbers");
  process.exit(2);
}
const missing = siliconMissing();
if (missing) {
  console.error(`test:cpu: ${missing}`);
  process.exit(2);
}
const report = values.legacy
  ? await legacyConformance(seed, count, values.only, values.translated)
  : await conformance(seed, count, values.only, values.translated);
for (const [form, samples] of report.samples) console.log(`${form}\n  ${samples.join("\n  ")}`);
console.log(`seed ${seed}: ${report.count} instances, ${report.mismatches} mismatches in ${report.samples.size} forms`);
process.exit(report.mismatches ? 1 : 0);
