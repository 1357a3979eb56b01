/** Why guest code was left for the hypervisor, by EXIT_* (core/machine/cpu/exits.ts), in that order. Colours are those of graphs. */
export const EXIT_CAUSES = [
  { metric: "exitsPoll", label: "interrupted", color: 1 },
  { metric: "exitsException", label: "exception", color: 2 },
  { metric: "exitsSyscall", label: "SYSCALL", color: 3 },
  { metric: "exitsSysenter", label: "SYSENTER", color: 4 },
  { metric: "exitsPrivileged", label: "privileged", color: 5 },
  { metric: "exitsHalt", label: "HLT", color: 6 },
  { metric: "exitsSoftwareInterrupt", label: "INT", color: 7 },
  // What PVH guests alone have, in the colours of what only PV guests have. A day's history has none of them.
  { metric: null, label: "VMCALL", color: 3 },
  { metric: null, label: "no memory", color: 2 },
  { metric: null, label: "interrupt window", color: 4 },
  { metric: null, label: "triple fault", color: 7 },
] as const;
