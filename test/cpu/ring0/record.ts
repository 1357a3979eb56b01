/**
 * `npx vite-node test/cpu/ring0/record.ts` builds the kernel of this folder and records what it prints in QEMU's TCG. Needs gcc and qemu-system-x86.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { buildKernel, IMAGE, RECORD, runInQemu, sourcesHash } from "./kernel.ts";

const folder = path.resolve(import.meta.dirname, "../../../.cache/cpu/ring0");
const image = buildKernel(folder);
const text = runInQemu(folder);
if (!text.endsWith("end\n")) throw new Error(`the kernel did not come to its end in QEMU: ${text.slice(-300)}`);
writeFileSync(IMAGE, gzipSync(image, { level: 9 }));
writeFileSync(RECORD, `sources ${sourcesHash()}\n${text}`);
console.log(`${image.length} bytes of kernel, ${text.split("\n").length} lines`);
