/** `npm run test:load -- --minutes N` (default 10) exits with status 0 if no result was wrong. */
import { parseArgs } from "node:util";
import setup from "../../build.ts";
import { runLoad } from "./load.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } });
const minutes = Number(values.minutes);
if (!(minutes > 0 && minutes <= 10_000))
  throw new Error(`--minutes is "${values.minutes}"; allowed: minutes, more than 0`);
setup();
const { jobs, wrong } = await runLoad(minutes * 60);
for (const [kind, count] of Object.entries(jobs)) process.stdout.write(`${kind}: ${count} jobs\n`);
for (const line of wrong) process.stdout.write(`${line}\n`);
process.stdout.write(wrong.length ? "wrong\n" : `no wrong result in ${minutes} min\n`);
process.exitCode = wrong.length ? 1 : 0;
