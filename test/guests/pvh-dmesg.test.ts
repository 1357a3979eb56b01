/**
 * What Debian's kernel prints as a PVH domU with two vCPUs, line by line beside what the same kernel prints on Xen 4.17 (reference/, recorded under
 * QEMU's TCG with an AMD processor, `xl create` of type="pvh", memory=128, extra="console=hvc0 loglevel=8"). Numbers and times are not compared. Each
 * line that only one of the two prints stands in a list here, with the reason; nothing else may differ, nor come in another order.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { runGuest } from "./run.ts";

const missing = guestsMissing();
const reference = path.join(import.meta.dirname, "reference/debian-6.1-pvh-domu-on-xen-4.17.txt");

type Rule = [lines: RegExp, reason: string];

/** Lines of the reference that do not come here. */
const ONLY_ON_XEN: Rule[] = [
  [/^AGP: /, "Linux looks for an AGP aperture on AMD's processors."],
  [/^tsc: Marking TSC unstable due to TSCs unsynchronized$/, "Under QEMU's TCG the processors' TSCs differ."],
  [/^x86\/cpu: User Mode Instruction Prevention \(UMIP\) activated$/, "The processor here has no UMIP."],
  [/^process: using AMD E\d+ aware idle routine$/, "It is about AMD's processors."],
  [/^Spectre V\d : /, "The processor here says that it is not affected (ARCH_CAPABILITIES)."],
];
/** The reference's complaint about the size of QEMU's XSAVE area, from its first line to its last. */
const XSAVE_COMPLAINT = [/^-+\[ cut here \]-+$/, /^CPUID\[0d, 1c\]/] as const;
/** Lines that come here and are not in the reference. */
const ONLY_HERE: Rule[] = [
  [/^TSC deadline timer available$/, "The processor there has none."],
  [/^clocksource: tsc(-early)?: mask: /, "The TSC is stable here, so it is a clock source, though Xen's is preferred."],
  [
    /^x86\/fpu: (Supporting XSAVE feature|xstate_offset|Enabled xstate features)/,
    "There, the complaint stands in their place.",
  ],
  [/^smpboot: CPU \d+ Converting physical \d+ to logical (package|die) \d+$/, "AMD's processors count their packages."],
  [/^intel_pstate: CPU model not supported$/, "It is about Intel's processors."],
  [
    /^APIC: Stale IRR: [0,]*80000,[0,]* ISR: [0,]*$/,
    "The vector for events waits in the APIC since it was set, for an event was pending; on real Xen it does not. Why is not known.",
  ],
];
/** Lines that come once, twice or never, depending on how fast the computer is. */
const BY_TIME: Rule[] = [
  [/^hrtimer: interrupt took \d+ ns$/, "It comes if an interrupt took long."],
  [
    /^acpi LNXCPU:\w+: Still not present$/,
    "The DSDT's method tells of processors that the domain does not have. It runs beside the scan that finds the processors; what it tells before that is lost.",
  ],
  [/^(calibrate_delay_direct\(\) (failed|dropping)|Probably due to long platform interrupts)/, "The same."],
];
/** Lines that come from a thread of their own, at any time. */
const ANY_PLACE: Rule[] = [
  [/^Freeing initrd memory: /, "The RAM disk is unpacked beside the other initialization."],
  [/^audit: type=\d+ /, "The audit thread prints it."],
];
/** What stands for the vendor. */
const VENDORS: [words: RegExp, instead: string][] = [
  [/^(ACPI: .* Xen {4}HVM +\d+) (HVML|INTL|XENA) /, "$1 VENDOR "],
  [/^(Xen version: [\d.]+)-xenarium/, "$1"],
  [/^(smpboot: CPU\d: )(AMD QEMU TCG CPU version \S+|Intel Xenarium emulated CPU @ \S+)/, "$1PROCESSOR"],
  [
    /^(Performance Events: )(PMU not available due to virtualization, using|unsupported p6 CPU model \d+ no PMU driver,)/,
    "$1no PMU,",
  ],
  // The reference's first line ends at the date of its build.
  [/^(Linux version .* Debian [\d.-]+) .*$/, "$1"],
];
/** What of another version of the kernel is compared: lines about what Xen gives it. */
const PLATFORM = /ACPI|APIC|BIOS|Xen|xen|PCI|e820|[tT]imer|spinlock|smp|PVH|RAMDISK/;

const matches = (line: string, rules: readonly Rule[]): boolean => rules.some(([lines]) => lines.test(line));

/** The kernel's lines, without times. */
function messages(text: string): string[] {
  return text.split(/\r?\n/).flatMap((line) => /^\[ *\d+\.\d+\] (.*?) *$/.exec(line)?.[1] ?? []);
}
const versionOf = (lines: readonly string[]): string => /^Linux version (\S+)/.exec(lines[0]!)![1]!;

function withoutNumbers(line: string): string {
  const vendorless = VENDORS.reduce((text, [words, instead]) => text.replace(words, instead), line);
  return vendorless
    .replace(/0x[0-9a-f]+/gi, "N")
    .replace(/\b(?=[a-f]*\d)[0-9a-f]{6,}\b/gi, "N")
    .replace(/\d+/g, "N");
}

function withoutComplaint(lines: readonly string[]): string[] {
  const [first, last] = XSAVE_COMPLAINT.map((pattern) => lines.findIndex((line) => pattern.test(line)));
  expect(first, "the reference's complaint begins").toBeGreaterThan(0);
  expect(last, "the reference's complaint ends").toBeGreaterThan(first!);
  return lines.filter((_, i) => i < first! || i > last!);
}

describe.skipIf(missing !== null)(`Debian's kernel as PVH beside real Xen${missing ? ` (${missing})` : ""}`, () => {
  it("prints the same lines, but for those that are listed", async () => {
    const config = path.join(temporaryFolder("pvh-dmesg"), "guest.cfg");
    writeFileSync(
      config,
      `name = "pvh"\ntype = "pvh"\nkernel = "${debianKernel()}"\nramdisk = "${initramfs("ready")}"\n` +
        `memory = 128\nvcpus = 2\nextra = "console=hvc0 loglevel=8"\non_crash = "destroy"\n`,
    );
    const result = await runGuest([config, "--timeout", "280"]);
    expect(result.stdout).toMatch(/GUEST-INFO hypervisor=xen type=PVH cpus=2/);
    // What it says while it powers off is not in the reference.
    const here = messages(result.stdout.slice(0, result.stdout.indexOf("GUEST-READY")));
    const xen = messages(readFileSync(reference, "utf8"));

    const uncomplaining = withoutComplaint(xen);
    for (const [lines] of ONLY_ON_XEN)
      expect(
        xen.filter((line) => lines.test(line)),
        `lines of the reference like ${lines}`,
      ).not.toEqual([]);
    for (const [lines] of ONLY_HERE) {
      expect(
        here.filter((line) => lines.test(line)),
        `lines here like ${lines}`,
      ).not.toEqual([]);
      expect(
        uncomplaining.filter((line) => lines.test(line)),
        `lines of the reference like ${lines}`,
      ).toEqual([]);
    }
    const isSameKernel = versionOf(here) === versionOf(xen);
    const isJudged = (line: string): boolean => isSameKernel || PLATFORM.test(line);
    const judged = (lines: readonly string[], allowed: readonly Rule[]): string[] =>
      lines.filter((line) => !matches(line, [...allowed, ...BY_TIME]) && isJudged(line));
    const expected = judged(uncomplaining, ONLY_ON_XEN);
    const found = judged(here, ONLY_HERE);
    const ordered = (lines: readonly string[]): string[] =>
      lines.filter((line) => !matches(line, ANY_PLACE)).map(withoutNumbers);
    const free = (lines: readonly string[]): string[] =>
      lines
        .filter((line) => matches(line, ANY_PLACE))
        .map(withoutNumbers)
        .sort();
    expect(ordered(found)).toEqual(ordered(expected));
    expect(free(found)).toEqual(free(expected));
    // Of another kernel than the reference's, only what it says about the platform is compared: 79 lines.
    expect(expected.length).toBeGreaterThan(isSameKernel ? 100 : 70);
  }, 300_000);
});
