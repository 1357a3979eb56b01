/**
 * `npm run test:translator -- --seed N --count M` runs random programs interpreted and translated, and shows where they differ. With `--legacy` they are
 * 16- and 32-bit code, in every mode that has such code. With `--evict` the code cache is so small that regions go and come while others run.
 */
import { parseArgs } from "node:util";
import { Differential } from "./differential.ts";
import { LegacyDifferential } from "./legacy-differential.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    count: { type: "string" },
    legacy: { type: "boolean" },
    evict: { type: "boolean" },
  },
});
const seed = Number(values.seed ?? Date.now() % 0x3fffffff);
const count = Number(values.count ?? 100_000);
if (!Number.isInteger(seed) || !Number.isInteger(count) || count < 1) {
  console.error("test:translator: --seed and --count take whole numbers");
  process.exit(2);
}
const machines = values.legacy
  ? await LegacyDifferential.create()
  : await Differential.create(values.evict ? "few" : "full");
let differences = 0;
for (let i = 0; i < count; i++) {
  const found = machines.run(seed + i);
  if (!found) continue;
  if (++differences <= 20) console.log(`seed ${found.seed}, entry ${found.entry}: ${found.text}`);
}
function tell({ runs, entered }: LegacyDifferential): string {
  return [...runs].map(([mode, n]) => `${mode} ${n} runs, ${entered.get(mode)} entries`).join("; ");
}
const { runs } = machines;
const told =
  typeof runs === "number"
    ? `${runs} runs, ${(machines as Differential).clusters} clusters, ${(machines as Differential).evicted} modules given up`
    : tell(machines as LegacyDifferential);
console.log(`${count} programs from seed ${seed}: ${told}, ${machines.regions} regions, ${differences} differences`);
process.exit(differences ? 1 : 0);
