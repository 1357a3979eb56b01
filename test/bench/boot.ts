/** Measures from create to GUEST-READY, with a kernel that is new to the toolstack and with one that it knows, and what that took. */
import { translationStatistics, type TranslationStatistics } from "../../core/machine/translator/statistics.ts";
import type { GuestTypeName } from "../../core/dom0/kernel/hypercalls.ts";
import { initramfs } from "../guests/images.ts";
import { BenchHost, type BenchGuest } from "./bench-host.ts";
import { median } from "./table.ts";

export interface Boot {
  /** Seconds of wall clock time from the request to create the domain to GUEST-READY. */
  seconds: number;
  /** The instructions that the guest has retired by then, and the seconds that its vCPU has run. */
  instructions: number;
  vcpuSeconds: number;
  translation: TranslationStatistics;
}
export interface Boots {
  cold: Boot;
  cached: Boot;
}

const MEMORY_MIB = 256;

export async function measureBoots(type: GuestTypeName): Promise<Boots> {
  const host = await BenchHost.start(1);
  try {
    const boot = async (name: string): Promise<Boot> => {
      const ramdisk = initramfs("ready", "sleep 100000");
      const before = translationStatistics(host.powered.machine.memory);
      const start = performance.now();
      const guest = await host.create({ name, ramdisk, memoryMiB: MEMORY_MIB, lines: [`type = "${type}"`] });
      await guest.shown(/GUEST-READY/);
      const seconds = (performance.now() - start) / 1000;
      const translation = since(before, translationStatistics(host.powered.machine.memory));
      const counted = await counters(host, guest);
      await guest.destroy();
      return { seconds, ...counted, translation };
    };
    return { cold: await boot("cold"), cached: await boot("cached") };
  } finally {
    await host.close();
  }
}

async function counters(
  host: BenchHost,
  { domid }: BenchGuest,
): Promise<{ instructions: number; vcpuSeconds: number }> {
  const { domains } = await host.powered.toolstack.request("statistics", {});
  const own = domains.find((domain) => domain.domid === domid)!;
  return { instructions: own.instructions ?? NaN, vcpuSeconds: own.cpuTime / 1e9 };
}

function since(before: TranslationStatistics, after: TranslationStatistics): TranslationStatistics {
  const keys = Object.keys(after) as (keyof TranslationStatistics)[];
  return Object.fromEntries(keys.map((key) => [key, after[key] - before[key]])) as unknown as TranslationStatistics;
}

/** Returns the medians as Markdown. */
export function bootReport(runs: Boots[]): string {
  const row = (name: string, of: (boot: Boot) => number, digits: number): string => {
    const cell = (which: keyof Boots) => median(runs.map((run) => of(run[which]))).toFixed(digits);
    return `| ${name} | ${cell("cold")} | ${cell("cached")} |`;
  };
  return [
    `Debian's kernel, ${MEMORY_MIB} MiB, 1 vCPU, 1 pCPU, wall clock from the toolstack's create:`,
    "",
    "| | first create | second create of the same kernel |",
    "| --- | --- | --- |",
    row("create to GUEST-READY, s", ({ seconds }) => seconds, 2),
    row("guest instructions until then, millions", ({ instructions }) => instructions / 1e6, 0),
    row("of them a second that the vCPU ran, millions", (b) => b.instructions / b.vcpuSeconds / 1e6, 0),
    row("the translator's thread translated, s", ({ translation }) => translation.translating / 1e9, 2),
    row("the pCPU took over what it made, s", ({ translation }) => translation.adopting / 1e9, 3),
    row("regions", ({ translation }) => translation.regions, 0),
    row("modules", ({ translation }) => translation.modules, 0),
  ].join("\n");
}
