/**
 * The address space that the running vCPU is in: one key for those parts of its control registers that decide about translations, and the id of its
 * second stage. Two vCPUs with the same key and id have the same translations, so every cache of translations holds both.
 */
import { CR0_WP, CR4_PSE, CR4_PAE, CR4_SMEP, CR4_SMAP, EFER_LMA, EFER_NXE } from "../control_bits";
import { cpu } from "../machine";
import { CPU_CPL, CPU_CR0, CPU_CR3, CPU_CR4, CPU_EFER, CPU_RFLAGS, CPU_SPACE_ID } from "../state";
import {
  ADDRESS,
  SPACE_2_LEVELS,
  SPACE_3_LEVELS,
  SPACE_NX,
  SPACE_PAGING,
  SPACE_PSE,
  SPACE_SMAP,
  SPACE_SMEP,
  SPACE_USER,
  SPACE_WP,
  keyedRoot,
} from "./format";

const RFLAGS_AC: u64 = 1 << 18;

/** Returns flags (SPACE_*) and root. SMAP is left out while EFLAGS.AC suspends it. */
export function spaceKey(): u64 {
  const cr0 = load<u64>(cpu, CPU_CR0);
  if (!(cr0 >> 31)) return 0;
  const cr4 = load<u64>(cpu, CPU_CR4);
  const efer = load<u64>(cpu, CPU_EFER);
  let key = SPACE_PAGING;
  if (load<u32>(cpu, CPU_CPL) == 3) key |= SPACE_USER;
  else {
    if (cr4 & CR4_SMEP) key |= SPACE_SMEP;
    if (cr4 & CR4_SMAP && !(load<u64>(cpu, CPU_RFLAGS) & RFLAGS_AC)) key |= SPACE_SMAP;
  }
  if (cr0 & CR0_WP) key |= SPACE_WP;
  if (efer & EFER_NXE) key |= SPACE_NX;
  const cr3 = load<u64>(cpu, CPU_CR3);
  if (efer & EFER_LMA) return key | (cr3 & ADDRESS);
  if (cr4 & CR4_PAE) key |= SPACE_3_LEVELS;
  else key |= cr4 & CR4_PSE ? SPACE_2_LEVELS | SPACE_PSE : SPACE_2_LEVELS;
  return key | keyedRoot(cr3, key);
}

// @ts-ignore: decorator
@inline
export function spaceId(): u32 {
  return load<u32>(cpu, CPU_SPACE_ID);
}
