/** Why the hypervisor was entered from guest code, in the order of EXIT_* (core/machine/cpu/exits.ts). */
export const EXIT_CAUSES = [
  { metric: "exitsPoll", label: "interrupted" },
  { metric: "exitsException", label: "exception" },
  { metric: "exitsSyscall", label: "SYSCALL" },
  { metric: "exitsSysenter", label: "SYSENTER" },
  { metric: "exitsPrivileged", label: "privileged" },
  { metric: "exitsHalt", label: "HLT" },
  { metric: "exitsSoftwareInterrupt", label: "INT" },
] as const;
