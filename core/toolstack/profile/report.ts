/** A profile as text. */
import type { Executor, Profile, Spot } from "./samples.ts";
import type { Symbols } from "./symbols.ts";

const MOST_SPOTS = 60;
const MOST_FUNCTIONS = 40;
const KERNEL_HALF = 1n << 63n;

/** By EXIT_* (core/machine/cpu/exits.ts). */
const EXITS = [
  "instruction budget used up, or called by another pCPU or a timer",
  "exceptions and page faults",
  "SYSCALL: system calls and hypercalls",
  "SYSENTER",
  "privileged instructions",
  "HLT",
  "software interrupts",
  "VMCALL and VMMCALL: hypercalls of a PVH guest",
  "accesses of a PVH guest to what is no memory",
  "a PVH guest that takes interrupts again",
  "triple faults of a PVH guest",
];

/** By number (Xen's public/xen.h). */
const HYPERCALLS =
  "set_trap_table mmu_update set_gdt stack_switch set_callbacks fpu_taskswitch sched_op_compat platform_op set_debugreg get_debugreg update_descriptor - memory_op multicall update_va_mapping set_timer_op event_channel_op_compat xen_version console_io physdev_op_compat grant_table_op vm_assist update_va_mapping_otherdomain iret vcpu_op set_segment_base mmuext_op xsm_op nmi_op sched_op callback_op xenoprof_op event_channel_op physdev_op hvm_op sysctl domctl kexec_op tmem_op argo_op xenpmu_op dm_op hypfs_op".split(
    " ",
  );

export interface ReportContext {
  /** The symbols of the domain's kernel. */
  symbols: Symbols | null;
  /** What to say if there are none. */
  symbolsMissing: string | null;
}

export function profileReport(profile: Profile, { symbols, symbolsMissing }: ReportContext): string {
  const busy = profile.samples - profile.idle;
  const parts = [
    `Profile of ${profile.seconds.toFixed(1)} s on ${profile.pcpus} pCPU(s): ${profile.samples} samples, ${busy} of them not idle.`,
    ...(symbolsMissing ? [symbolsMissing] : []),
    where(profile, busy),
    ...(symbols ? [functions(profile, busy, symbols)] : []),
    hottest(profile, busy, symbols),
    ...profile.domains.map(counts),
    translation(profile),
    tlb(profile),
  ];
  return `${parts.join("\n\n")}\n`;
}

function lines(head: string, rows: string[][], right: number): string {
  const widths = rows[0]?.map((_, n) => Math.max(...rows.map((row) => row[n]!.length))) ?? [];
  const cells = (row: string[]) =>
    row.map((cell, n) => (n < right ? cell.padStart(widths[n]!) : cell.padEnd(widths[n]!))).join("  ");
  return [head, ...rows.map((row) => `  ${cells(row)}`.trimEnd())].join("\n");
}

const percent = (part: number, whole: number): string => `${whole ? ((100 * part) / whole).toFixed(1) : "0.0"} %`;
const total = (spots: Spot[], executor: Executor): number =>
  spots.filter((spot) => spot.executor === executor).reduce((sum, { samples }) => sum + samples, 0);

function where({ samples, idle, hostOnly, spots }: Profile, busy: number): string {
  const row = (what: string, count: number, whole: number): string[] => [percent(count, whole), String(count), what];
  return lines(
    "Where the pCPUs were (percent of what is not idle; idle: of all samples)",
    [
      row("translated code", total(spots, "translated"), busy),
      row("interpreter", total(spots, "interpreted"), busy),
      row("hypervisor, for a vCPU", total(spots, "hypervisor"), busy),
      row("hypervisor, with none", hostOnly, busy),
      row("idle", idle, samples),
    ],
    2,
  );
}

const SHORT: Record<Executor, string> = { translated: "T", interpreted: "I", hypervisor: "X" };

function hottest({ spots }: Profile, busy: number, symbols: Symbols | null): string {
  const rows = [...spots]
    .sort((a, b) => b.samples - a.samples)
    .slice(0, MOST_SPOTS)
    .map(({ executor, domid, address, samples }) => [
      percent(samples, busy),
      String(samples),
      SHORT[executor],
      `d${domid}`,
      address.toString(16).padStart(16, "0"),
      nameOf(address, symbols) ?? "",
    ]);
  const head =
    "Hottest places (T: translated, the region's first byte; I: interpreted, the block; X: what the hypervisor was entered from)";
  return lines(head, rows, 2);
}

function nameOf(address: bigint, symbols: Symbols | null): string | null {
  if (address < KERNEL_HALF) return "(user)";
  const found = symbols?.find(address);
  return found ? `${found.name}+0x${found.offset.toString(16)}` : null;
}

/** Samples by function, and how many of them were at each place. */
function functions({ spots }: Profile, busy: number, symbols: Symbols): string {
  const found = new Map<string, Record<Executor, number>>();
  for (const { address, executor, samples } of spots) {
    const name = address < KERNEL_HALF ? "(user)" : (symbols.find(address)?.name ?? "(no symbol)");
    const counts = found.get(name) ?? { translated: 0, interpreted: 0, hypervisor: 0 };
    counts[executor] += samples;
    found.set(name, counts);
  }
  const all = (counts: Record<Executor, number>) => counts.translated + counts.interpreted + counts.hypervisor;
  const rows = [...found]
    .sort(([, a], [, b]) => all(b) - all(a))
    .slice(0, MOST_FUNCTIONS)
    .map(([name, counts]) => [
      percent(all(counts), busy),
      String(all(counts)),
      `${counts.translated} T`,
      `${counts.interpreted} I`,
      `${counts.hypervisor} X`,
      name,
    ]);
  return lines("Hottest functions", rows, 5);
}

function counts({ domid, vcpus, instructions, pageFaults, exits, hypercalls }: Profile["domains"][number]): string {
  const all = exits.reduce((sum, count) => sum + count, 0);
  const named = (numbers: number[], names: (n: number) => string): string[][] =>
    numbers
      .map((count, n) => ({ count, name: names(n) }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count)
      .map(({ count, name }) => [String(count), name]);
  return [
    `Domain ${domid}: ${vcpus} vCPU(s), ${instructions} instructions, ${pageFaults} page faults for its kernel, ${all} exits`,
    lines(
      "  Exits by cause",
      named(exits, (n) => EXITS[n] ?? `exit ${n}`),
      1,
    ),
    lines(
      "  Hypercalls",
      named(hypercalls, (n) => HYPERCALLS[n] ?? `arch_${n - 48}`),
      1,
    ),
  ].join("\n");
}

function translation({ translation: t }: Profile): string {
  const seconds = (nanoseconds: number): string => (nanoseconds / 1e9).toFixed(3);
  const rows = [
    [String(t.requests), "requests of pCPUs"],
    [String(t.regions), "regions made"],
    [String(t.clusters), "clusters made"],
    [String(t.known), "regions taken from the cache of earlier runs"],
    [String(t.modules), "modules made"],
    [String(t.evicted), "modules given up for room"],
    [String(t.bytes), "bytes of WebAssembly"],
    [String(t.entries), "entries of pCPUs into regions"],
    [seconds(t.translating), "s the translator's thread worked"],
    [seconds(t.adopting), "s the pCPUs took over what it made"],
  ];
  return lines("Translation", rows, 1);
}

function tlb({ tlb: { walks, flushes, pageFlushes } }: Profile): string {
  const rows = [
    [String(walks), "walks of page tables"],
    [String(flushes), "flushes of a whole TLB"],
    [String(pageFlushes), "flushes of a page"],
  ];
  return lines("TLB of all pCPUs", rows, 1);
}
