/** `npm run test:litmus -- --starts N --rounds M` runs the litmus programs for a long time and prints what was seen. */
import { parseArgs } from "node:util";
import { MOST_THREADS } from "./layout.ts";
import { runContention, runLitmus } from "./litmus.ts";
import { Processors } from "./processors.ts";
import { CONTENTION, LITMUS } from "./programs.ts";

const { values } = parseArgs({
  options: { starts: { type: "string", default: "1000" }, rounds: { type: "string", default: "100000" } },
});
const CONTENTION_STARTS = 10;
let wrong = 0;
for (const translate of [false, true]) {
  process.stdout.write(translate ? "Translated:\n" : "Interpreted:\n");
  const processors = await Processors.start(MOST_THREADS, translate);
  try {
    for (const litmus of LITMUS) {
      const { rounds, forbidden, seen } = await runLitmus(processors, litmus, Number(values.starts));
      wrong += forbidden;
      process.stdout.write(`  ${litmus.name}: ${forbidden} forbidden of ${rounds}\n`);
      for (const [outcome, times] of [...seen].sort()) process.stdout.write(`    ${outcome}: ${times}\n`);
    }
    for (const contention of CONTENTION) {
      const found = await runContention(processors, contention, CONTENTION_STARTS, Number(values.rounds));
      if (found) wrong++;
      process.stdout.write(`  ${contention.name}: ${found ?? "right"}\n`);
    }
  } finally {
    await processors.close();
  }
}
process.exitCode = wrong ? 1 : 0;
