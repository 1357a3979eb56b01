/** Measures the memory of the process of `xenarium run` with one Linux guest. */
import { setTimeout as sleep } from "node:timers/promises";
import { debianKernel, initramfs } from "../guests/images.ts";
import { startGuest } from "../guests/run.ts";
import { residentMiB } from "../process.ts";
import { median } from "./table.ts";

export const GUEST_MIB = 256;
/** After this time the guest has come to rest. */
const SETTLE_MS = 2000;

export interface MemoryUse {
  /** MiB. */
  now: number;
  most: number;
}

export async function measureMemory(): Promise<MemoryUse> {
  const guest = startGuest([
    ...["--kernel", debianKernel(), "--ramdisk", initramfs("ready", "sleep 100000")],
    ...["--cmdline", "console=hvc0 quiet", "--memory", String(GUEST_MIB), "--pcpus", "1"],
  ]);
  try {
    await guest.waitFor(/GUEST-READY/, 120_000);
    await sleep(SETTLE_MS);
    return residentMiB(guest.pid);
  } finally {
    guest.end();
    await guest.done;
  }
}

export function memoryReport(runs: MemoryUse[]): string {
  const cell = (which: keyof MemoryUse) => median(runs.map((run) => run[which])).toFixed(0);
  return [
    `The process of \`xenarium run\` with one Linux guest of ${GUEST_MIB} MiB, after its boot: ${cell("now")} MiB resident,`,
    `${cell("most")} MiB at most.`,
  ].join(" ");
}
