/** Writes the record of what Xen's headers say of core/abi's names: `npx vite-node test/abi/record.ts`. */
import { writeFileSync } from "node:fs";
import { askNames, formatRecord, RECORD } from "./comparison.ts";
import { headersMissing } from "./headers.ts";
import { abiNames } from "./names.ts";

const missing = headersMissing();
if (missing) throw new Error(missing);
const record = askNames(abiNames());
writeFileSync(RECORD, formatRecord(record));
console.log(`${record.size} names recorded`);
