/**
 * `cpuid` of an xl.cfg: which features of the processor a domain is to have. A string is libxl's syntax ("host,avx=0"), a list is the older one, with a text
 * of 32 characters for each register. xl says what it can't read and goes on; so do we, with warnings. Names: libxl_cpuid.c of Xen 4.17.
 */
import type { CpuidChange } from "./messages.ts";
import { show, type ConfigValues } from "./xlcfg-values.ts";

type Place = Omit<CpuidChange, "to" | "bit">;
const EAX = 0;
const EBX = 1;
const ECX = 2;
const EDX = 3;
const REGISTERS = ["eax", "ebx", "ecx", "edx"];

/** Registers of features that a domain can have or not, with libxl's names of their bits, from bit 0 on; "-" is a bit without a name. */
const FEATURES: readonly (Place & { names: string })[] = [
  {
    ...{ leaf: 1, subleaf: null, register: ECX },
    names:
      "sse3 pclmulqdq dtes64 monitor dscpl vmx smx est tm2 ssse3 cntxid - fma cmpxchg16 xtpr pdcm - pcid dca sse4_1 sse4_2 x2apic movbe popcnt tsc-deadline aes xsave osxsave avx f16c rdrand hypervisor",
  },
  {
    ...{ leaf: 1, subleaf: null, register: EDX },
    names:
      "fpu vme de pse tsc msr pae mce cmpxchg8 apic - sysenter mtrr pge mca cmov pat pse36 psn clfsh - ds acpi mmx fxsr sse sse2 ss htt tm ia64 pbe",
  },
  {
    ...{ leaf: 7, subleaf: 0, register: EBX },
    names:
      "fsgsbase tsc_adjust - bmi1 hle avx2 - smep bmi2 erms invpcid rtm cmt - mpx - avx512f avx512dq rdseed adx smap avx512-ifma - clflushopt clwb proc-trace avx512pf avx512er avx512cd sha avx512bw avx512vl",
  },
  {
    ...{ leaf: 7, subleaf: 0, register: ECX },
    names:
      "prefetchwt1 avx512-vbmi umip pku ospke - avx512-vbmi2 cet-ss gfni vaes vpclmulqdq avx512-vnni avx512-bitalg - avx512-vpopcntdq - - - - - - - rdpid - - cldemote - - - - - pks",
  },
  { leaf: 0xd, subleaf: 1, register: EAX, names: "" },
  {
    ...{ leaf: 0x80000001, subleaf: null, register: ECX },
    names:
      "lahfsahf cmplegacy svm extapic altmovcr8 abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 - - nodeid - tbm topoext perfctr_core perfctr_nb",
  },
  {
    ...{ leaf: 0x80000001, subleaf: null, register: EDX },
    names: "- - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - ffxsr page1gb rdtscp - lm 3dnowext 3dnow",
  },
];
const ALIASES: Readonly<Record<string, string>> = { "sse4.1": "sse4_1", "sse4.2": "sse4_2" };
/** Names of libxl whose values no domain can choose here: they are as this host's processor has them. */
const FIXED = new Set(
  (
    "maxleaf stepping model family brandid clflush proccount localapicid arat avx512-4vnniw avx512-4fmaps fsrm avx512-vp2intersect srbds-ctrl md-clear " +
    "serialize tsxldtrk cet-ibt ibrsb stibp l1d-flush arch-caps core-caps ssbd avx-vnni avx512-bf16 fzrm fsrs fsrcs procpkg invtsc clzero rstr-fp-err-ptrs " +
    "wbnoinvd ibpb ibrs amd-stibp ibrs-always stibp-always ibrs-fast ibrs-same-mode no-lmsl ppin amd-ssbd virt-ssbd ssb-no psfd btc-no ibpb-ret nc " +
    "apicidsize svm_npt svm_lbrv svm_nrips svm_tscrate svm_vmcbclean svm_decode svm_pausefilt lbr-fmt intel-psfd mcdt-no"
  ).split(" "),
);
const BITS = 32;

function placeOf(name: string): (Place & { bit: number }) | null {
  for (const { names, ...place } of FEATURES) {
    const bit = names.split(" ").indexOf(ALIASES[name] ?? name);
    if (bit >= 0 && name !== "-") return { ...place, bit };
  }
  return null;
}

class Changes {
  readonly #byPlace = new Map<string, CpuidChange>();

  /** `how` is 0, 1, x (as usual), k or s (as the host's processor). Returns false for anything else. */
  set(place: Place & { bit: number }, how: string): boolean {
    const key = [place.leaf, place.subleaf, place.register, place.bit].join();
    if (how === "x") this.#byPlace.delete(key);
    else if (how === "0") this.#byPlace.set(key, { ...place, to: 0 });
    else if ("1ks".includes(how) && how.length === 1) this.#byPlace.set(key, { ...place, to: 1 });
    else return false;
    return true;
  }
  get all(): CpuidChange[] {
    return [...this.#byPlace.values()];
  }
}

/** Returns what the key asks for; warnings say what of it can't be had. */
export function cpuidChanges(values: ConfigValues): CpuidChange[] {
  const setting = values.setting("cpuid");
  const changes = new Changes();
  if (!setting) return [];
  const warn = (what: string): void => values.complain("warning", `cpuid: ${what}`, setting, "cpuid");
  if (setting.value.kind === "list")
    for (const item of setting.value.items)
      if (item.kind === "list") warn(`${show(item)} is in it, which is no string`);
      else takeRegisters(item.text, changes, warn);
  else takeFlags(setting.value.text, changes, warn);
  return changes.all;
}

/** "host,NAME=VALUE,...". */
function takeFlags(text: string, changes: Changes, warn: (what: string) => void): void {
  const [first, ...flags] = text.split(",").filter((part) => part !== "");
  if (first === undefined) return;
  if (first !== "host") {
    warn(`"${text}" does not begin with "host", so it is ignored, as xl does`);
    return;
  }
  for (const flag of flags) {
    const [, name, value] = /^([^=]*)=(.*)$/.exec(flag) ?? [];
    if (name === undefined || value === undefined) warn(`"${flag}" has no "="`);
    else if (FIXED.has(name)) warn(`${name} is as this host's processor has it`);
    else {
      const place = placeOf(name);
      if (!place) warn(`"${name}" is not a name of a feature that xl knows`);
      else if (!changes.set(place, value)) warn(`"${flag}": the value can be 0, 1, x, k or s`);
    }
  }
}

/** "LEAF[,SUBLEAF]:REGISTER=32 characters,...", of which the first character is bit 31. */
function takeRegisters(text: string, changes: Changes, warn: (what: string) => void): void {
  const [, leafText, subleafText, registers] = /^\s*([^,:]+)(?:,([^:]+))?:(.*)$/.exec(text) ?? [];
  const leaf = Number(leafText);
  const subleaf = subleafText === undefined ? null : Number(subleafText);
  if (registers === undefined || !Number.isInteger(leaf) || (subleaf !== null && !Number.isInteger(subleaf))) {
    warn(`"${text}" is not LEAF:REGISTER=BITS or LEAF,SUBLEAF:REGISTER=BITS`);
    return;
  }
  for (const part of registers.split(",")) {
    const [name = "", bits = ""] = part.trim().split("=");
    const register = REGISTERS.indexOf(name);
    if (register < 0) warn(`"${part}": a register is eax, ebx, ecx or edx`);
    else if (bits.length !== BITS || /[^01xks]/.test(bits)) warn(`"${part}": bits are 32 of 0, 1, x, k and s`);
    else if (!FEATURES.some((each) => each.leaf === leaf && each.subleaf === subleaf && each.register === register)) {
      if (/[^x]/.test(bits)) warn(`${name} of leaf ${leafText} is as this host's processor has it`);
    } else for (let bit = 0; bit < BITS; bit++) changes.set({ leaf, subleaf, register, bit }, bits[BITS - 1 - bit]!);
  }
}
