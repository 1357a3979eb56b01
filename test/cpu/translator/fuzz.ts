/** `npm run test:translator -- --seed N --count M` runs random programs interpreted and translated, and shows where they differ. */
import { parseArgs } from "node:util";
import { Differential } from "./differential.ts";

const { values } = parseArgs({ options: { seed: { type: "string" }, count: { type: "string" } } });
const seed = Number(values.seed ?? Date.now() % 0x3fffffff);
const count = Number(values.count ?? 100_000);
if (!Number.isInteger(seed) || !Number.isInteger(count) || count < 1) {
  console.error("test:translator: --seed and --count take whole numbers");
  process.exit(2);
}
const machines = await Differential.create();
let differences = 0;
for (let i = 0; i < count; i++) {
  const found = machines.run(seed + i);
  if (!found) continue;
  if (++differences <= 20) console.log(`seed ${found.seed}, entry ${found.entry}: ${found.text}`);
}
console.log(
  `${count} programs from seed ${seed}: ${machines.runs} runs, ${machines.regions} regions, ${differences} differences`,
);
process.exit(differences ? 1 : 0);
