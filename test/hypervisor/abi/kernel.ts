/** The kernel of this test: how it is built, and how its output is read. */
import { execFileSync } from "node:child_process";
import path from "node:path";

/** Whether gcc is missing. With CI=true that is an error. */
export function compilerMissing(): boolean {
  try {
    execFileSync("gcc", ["--version"]);
    return false;
  } catch {
    if (process.env.CI) throw new Error("the kernel that asks for Xen's answers needs gcc and make");
    return true;
  }
}

/** Builds the kernel in `folder` and returns the path of its ELF file. */
export function abiKernel(folder: string): string {
  const elf = path.join(folder, "abi.elf");
  execFileSync("make", ["-s", "-C", import.meta.dirname, `OUT=${elf}`]);
  return elf;
}

/** Reads from console text what the kernel's checks printed, by name, in their order. */
export function checks(console: string): Map<string, string> {
  const said = new Map<string, string>();
  for (const [, name, value] of console.matchAll(/CHECK (.*?): (.*?)\r?$/gm)) {
    if (said.has(name!)) throw new Error(`two checks are called ${name}`);
    said.set(name!, value!);
  }
  return said;
}

/** The value of a check that the kernel never reaches. */
export const ABSENT = "";

/** Where Xenarium rightly differs from what real Xen said to its dom0 in QEMU, and why. */
export const notAsRealXen: Record<string, { value: string; why: string }> = {
  ...becauseQemu("takes #NP for a stack segment that is not present; a processor raises #SS (SDM, IRET)", {
    "iret user SS not present": "trap 0xc error 0x18 rip 0x0 cs 0xe033 flags 0x202 ss 0x1b",
    "iret kernel SS not present": "trap 0xc error 0x18 rip 0x0 cs 0xe030 flags 0x202 ss 0x1b",
  }),
  ...becauseQemu("as an Intel processor has no SYSCALL in compatibility mode; Xenarium's has, as AMD's", {
    "user syscall 32-bit code": "syscall32 error 0x0 rip 0x3 cs 0xe023 flags 0x202 ss 0xe02b",
    "user syscall compat": "syscall32 error 0x0 rip 0x3 cs 0xe023 flags 0x202 ss 0xe02b",
  }),
  ...becauseQemu(
    "traps once more before the first step of a repeated instruction; silicon does not (measured on an EPYC)",
    {
      "TF rep 1": "trap 0x1 error 0x0 rip 0x5 cs 0xe033 flags 0x302 ss 0xe02b",
      "TF rep 2": "trap 0x1 error 0x0 rip 0x5 cs 0xe033 flags 0x302 ss 0xe02b",
      "TF rep 3": "trap 0x1 error 0x0 rip 0x7 cs 0xe033 flags 0x302 ss 0xe02b",
      "TF rep 4": "trap 0x1 error 0x0 rip 0x8 cs 0xe033 flags 0x302 ss 0xe02b",
      "TF rep 5": "trap 0x6 error 0x0 rip 0x8 cs 0xe033 flags 0x10302 ss 0xe02b",
      "TF rep DR6 5": ABSENT,
      "TF rep 6": ABSENT,
    },
  ),
  ...becauseQemu(
    "reports a data breakpoint at the end of a repeated instruction, a processor after the step (SDM 18.2.4)",
    {
      "rep write 0": "trap 0x1 error 0x0 rip 0x5 cs 0xe033 flags 0x202 ss 0xe02b",
    },
  ),
  ...becauseQemu("does not hold debug exceptions over MOV SS, as a processor does (SDM volume 3, 6.8.3)", {
    "execute after mov ss 0": "trap 0x6 error 0x0 rip 0x6 cs 0xe033 flags 0x10202 ss 0xe02b",
    "execute after mov ss DR6 0": ABSENT,
    "execute after mov ss 1": ABSENT,
    "mov ss of watched memory 1": "trap 0x1 error 0x0 rip 0x8 cs 0xe033 flags 0x202 ss 0xe02b",
    "mov ss of watched memory, syscall 1": "syscall error 0x0 rip 0x9 cs 0xe033 flags 0x202 ss 0xe02b",
    "mov ss of watched memory, syscall DR6 1": ABSENT,
    "mov ss of watched memory, syscall 2": "trap 0x6 error 0x0 rip 0xa cs 0xe033 flags 0x10202 ss 0xe02b",
    "mov ss of watched memory, syscall 3": ABSENT,
  }),
  ...becauseQemu("lets ring 3 execute INVD and WBINVD; QEMU 7.2 says #GP, as a processor does", {
    invd: "trap 0xd error 0x0 rip 0x0 cs 0xe030 flags 0x10202 ss 0xe02b",
  }),
  "TF out to a watched port DR6 1": {
    value: "0xffff4ff1",
    why: "Xen lets dom0 reach the real port, and forgets the single step then; a domU is told of both",
  },
};

function becauseQemu(does: string, values: Record<string, string>): Record<string, { value: string; why: string }> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { value, why: `QEMU 10's TCG ${does}` }]),
  );
}

/**
 * What this kernel could not ask real Xen. The values are those of Xen's source (arch/x86/x86_64/entry.S, libxl's call of
 * xc_domain_set_memmap_limit with maxmem, and for CPUID and XSETBV arch/x86/cpuid.c and x86_emulate.c).
 */
export const readInXen: Record<string, string> = {
  memory_map: "0x0",
  "memory_map's entries": "0x1",
  "memory_map's start": "0x0",
  "memory_map's end at maxmem": "0x6000000",
  "memory_map's type": "0x1",
  "user sysenter": "sysenter error 0x0 rip 0x0 cs 0x3 flags 0x202 ss 0xe02b",
  "user sysenter rsp": "0x0",
  "user sysenter other selectors": "sysenter error 0x0 rip 0x0 cs 0x3 flags 0x202 ss 0xe02b",
  cpuid_with_osxsave: "0x3",
  cpuid_prefixed: "0x3",
  cpuid_plain: "0x1",
  "user xsetbv": "trap 0xd error 0x0 rip 0x9 cs 0xe033 flags 0x10202 ss 0xe02b",
  "user xsetbv without OSXSAVE": "trap 0x6 error 0x0 rip 0x9 cs 0xe033 flags 0x10202 ss 0xe02b",
  "user sysenter compat": "sysenter error 0x0 rip 0x0 cs 0x3 flags 0x202 ss 0xe02b",
};
