/** Why guest code was left for the hypervisor, by EXIT_* (core/machine/cpu/exits.ts), in that order. */
export const EXIT_CAUSES = [
  { metric: "exitsPoll", label: "interrupted" },
  { metric: "exitsException", label: "exception" },
  { metric: "exitsSyscall", label: "SYSCALL" },
  { metric: "exitsSysenter", label: "SYSENTER" },
  { metric: "exitsPrivileged", label: "privileged" },
  { metric: "exitsHalt", label: "HLT" },
  { metric: "exitsSoftwareInterrupt", label: "INT" },
] as const;
