/** What the hostile guests must have succeeded with, as "number.operation" of their tally, so that a fuzz that reaches nothing does not pass. */

/** Hypercalls by number, with the operations that succeed for an unprivileged guest (0 where a call has none). */
const SUCCEEDS: Record<string, number[]> = {
  // set_trap_table, mmu_update (normal, M2P, preserving, untranslated; 5: plain store to a table, 6: access through own tables)
  "0": [0],
  "1": [0, 1, 2, 3, 5, 6],
  // set_gdt (0: set, 1: removed, 2: a selector of it loaded), stack_switch, set_callbacks, fpu_taskswitch, sched_op_compat
  "2": [0, 1, 2],
  "3": [0],
  "4": [0],
  "5": [0],
  "6": [0, 1],
  // debug registers, update_descriptor
  "8": [0],
  "9": [0],
  "10": [0],
  // memory_op
  "12": [0, 1, 2, 3, 4, 5, 6, 11, 12, 14, 15, 18, 19],
  // multicall, update_va_mapping, set_timer_op, event_channel_op_compat
  "13": [0],
  "14": [0],
  "15": [0],
  "16": [0],
  // xen_version, console_io
  "17": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  "18": [0],
  // grant_table_op (16 to 19: copies by whether source and destination are granted), vm_assist, update_va_mapping_otherdomain
  "20": [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 17, 18, 19],
  "21": [0],
  "22": [0],
  // iret (1: arrived in the kernel, 2: a software interrupt, 3: by SYSCALL from user mode), vcpu_op, set_segment_base
  "23": [1, 2, 3],
  "24": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13],
  "25": [0, 1, 2, 3],
  // mmuext_op, nmi_op, sched_op, callback_op by type
  "26": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 16, 17],
  "28": [0],
  "29": [0, 1, 3, 5, 6],
  "30": [0, 1, 2, 4, 5, 7],
  // event_channel_op, physdev_op
  "32": [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  "33": [6, 7],
};

/** The same for PVH guests. 12.24, 12.25 and 12.27: Xen's own frames put into the second stage, shared info, grant table and its status. */
const SUCCEEDS_PVH: Record<string, number[]> = {
  "12": [1, 2, 3, 4, 6, 7, 9, 13, 14, 15, 23, 24, 25, 27],
  "13": [0],
  "15": [0],
  "17": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  "20": [0, 1, 2, 5, 6, 8, 9, 10, 11, 12, 16, 17, 18, 19],
  "24": [3, 4, 5, 6, 7, 8, 9, 10, 13],
  "29": [0, 3, 6],
  "32": [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  "34": [0, 1, 23],
};

/**
 * What is tried and must never succeed. Only a control domain may make these calls: platform_op, console reading, remote shutdown, map_pirq, sysctl,
 * domctl, the host's memory map, the map of another domain (12.26). Only domains with a second stage may make these: hvm_op, dm_op, add_to_physmap.
 */
const REFUSED = [
  "7.0",
  "18.1",
  "29.4",
  "33.13",
  "35.0",
  "36.0",
  "12.10",
  "12.26",
  "34.0",
  "34.1",
  "41.0",
  "12.7",
  "12.23",
];
/** The same for PVH guests: calls for PV guests' tables, parameters and the map of another domain. */
const REFUSED_PVH = ["1.0", "14.0", "26.0", "7.0", "35.0", "36.0", "12.10", "12.26", "34.30", "34.31", "41.0"];

const named = (succeeds: Record<string, number[]>): string[] =>
  Object.entries(succeeds).flatMap(([number, operations]) => operations.map((each) => `${number}.${each}`));
const ofPvh = (name: string): string => `P${name}`;

/** Returns the operations that never succeeded although they should, and those that must be refused but succeeded, or were never tried. */
export function unreached(tally: ReadonlyMap<string, { ok: number; tried: number }>): string[] {
  const wanted = [...named(SUCCEEDS), ...named(SUCCEEDS_PVH).map(ofPvh)];
  const refused = [...REFUSED, ...REFUSED_PVH.map(ofPvh)];
  return [
    ...wanted.filter((name) => !tally.get(name)?.ok).map((name) => `${name} never succeeded`),
    ...refused.filter((name) => !tally.get(name)?.tried).map((name) => `${name} was never tried`),
    ...refused.filter((name) => tally.get(name)?.ok).map((name) => `${name} is not allowed and succeeded`),
  ];
}
