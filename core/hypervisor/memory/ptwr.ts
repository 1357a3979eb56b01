/**
 * Writable page tables: a guest kernel's ordinary store to an L1 table, which it has mapped read-only, is carried out as a checked update. The engine
 * executes the instruction on a copy of the page. What it has changed there is checked and put into the table, or the whole instruction is undone. Of a
 * repeated instruction this is one element, as in Xen: the next one faults again, so that the guest holds the table and its pCPU for no longer.
 * An instruction that accesses nothing but one entry (nearly all that kernels use here: MOV, XCHG, CMPXCHG, AND, BTR) needs only a copy of that
 * entry, and is executed as it was decoded.
 */
import { effectiveAddress, endOverride, overrideWrites } from "../../machine/cpu/access";
import { EXIT_POLL } from "../../machine/cpu/exits";
import { RF, TF } from "../../machine/cpu/flags";
import { finishInstruction } from "../../machine/cpu/intercepted";
import { step } from "../../machine/cpu/interpreter";
import { clearFault, fault } from "../../machine/cpu/machine";
import { executeRedirected, soleOperandSize } from "../../machine/cpu/redirected";
import { CPU_DR, CPU_EXIT_OP, CPU_RETIRED, CPU_RFLAGS, CPU_SEG, CPU_SHADOW, CPU_SIZE } from "../../machine/cpu/state";
import { EAGAIN, EINVAL } from "../../abi/errno";
import { GUEST_KERNEL_MODE, Vcpu } from "../domain/domain";
import { allocXenheapPages } from "./allocator";
import { PGT_l1_page_table, frameAddress, pageTypeOf } from "./frames";
import { getPage, putPage } from "./references";
import { findL1, guestAddressOk } from "./mmu_update";
import { pageLock, pageUnlock } from "./page_type";
import { compareExchangeL1Entry } from "./pt_update";
import { PTE_P, PTE_RW, PTE_SIZE, pteMfn } from "./pte";
import { enterGuestTlb, leaveGuestTlb } from "../sched/ipi";

/** Two pages that belong to this thread: the copy of the table, and the saved vCPU. */
let pages: usize = 0;

/**
 * Called for a write #PF (present, write) of the running vCPU at `address`. Returns true if the instruction has been executed, or is to be tried
 * again; false if page tables are not concerned and the guest gets its fault.
 */
export function ptwrEmulate(v: Vcpu, address: u64): bool {
  if (!(v.guestFlags & GUEST_KERNEL_MODE) || !guestAddressOk(address)) return false;
  const l1 = findL1(<u32>(v.cr3Loaded >> 12), address);
  if (!l1) return false;
  const mapping = atomic.load<u64>(frameAddress(l1) + (((<u32>(address >> 12)) & 511) << 3));
  if ((mapping & (PTE_P | PTE_RW)) != PTE_P) return false;
  const mfn = pteMfn(mapping);
  if (!getPage(mfn, v.domid)) return false;
  const table = <u32>mfn;
  let done = false;
  if (pageLock(table)) {
    if (pageTypeOf(table) == PGT_l1_page_table) done = emulate(v, table, address);
    pageUnlock(table);
  }
  putPage(table);
  return done;
}

function emulate(v: Vcpu, table: u32, address: u64): bool {
  if (!pages) {
    const mfn = allocXenheapPages(1);
    if (!mfn) return false;
    pages = frameAddress(mfn);
  }
  const op: usize = load<u32>(v.cpu, CPU_EXIT_OP);
  return op && isWithinEntry(v.cpu, op, address)
    ? emulateOnEntry(v, table, address, op)
    : emulateOnCopy(v, table, address);
}

/** Bytes at the beginning of the vCPU's state that hold its general registers, RIP and flags. */
const REGISTERS: usize = CPU_SEG;
const DR7: usize = CPU_DR + 56;

/** Returns whether the instruction of `op` accesses only the entry at `address`, and nothing but the access and the next RIP follows from it. */
function isWithinEntry(cpu: usize, op: usize, address: u64): bool {
  if (load<u64>(cpu, CPU_RFLAGS) & TF || load<u64>(cpu, DR7) & 0xff || load<u32>(cpu, CPU_SHADOW)) return false;
  const size = soleOperandSize(op);
  return size != 0 && ((<u32>address) & 7) + size <= <u32>PTE_SIZE && effectiveAddress(op) == address;
}

function emulateOnEntry(v: Vcpu, table: u32, address: u64, op: usize): bool {
  const saved = pages + 4096;
  const offset = (<u32>address) & 0xff8;
  const at = frameAddress(table) + offset;
  const old = atomic.load<u64>(at);
  memory.copy(saved, v.cpu, REGISTERS);
  store<u64>(pages + offset, old);
  overrideWrites(address, pages);
  executeRedirected(op);
  endOverride();
  const failed = fault != 0;
  if (failed) clearFault();
  const error = failed ? -EINVAL : compareExchangeL1Entry(at, old, load<u64>(pages + offset), v.domid);
  if (error) {
    memory.copy(v.cpu, saved, REGISTERS);
    // As in emulateOnCopy().
    return error == -EAGAIN;
  }
  store<u64>(v.cpu, load<u64>(v.cpu, CPU_RFLAGS) & ~(<u64>RF), CPU_RFLAGS);
  store<u64>(v.cpu, load<u64>(v.cpu, CPU_RETIRED) + 1, CPU_RETIRED);
  finishInstruction(op);
  return true;
}

function emulateOnCopy(v: Vcpu, table: u32, address: u64): bool {
  const saved = pages + 4096;
  const page = frameAddress(table);
  memory.copy(pages, page, 4096);
  memory.copy(saved, v.cpu, CPU_SIZE);
  const offset = (<u32>address) & 0xff8;
  const old = load<u64>(pages + offset);
  overrideWrites(address, pages);
  enterGuestTlb();
  const reason = step();
  leaveGuestTlb();
  endOverride();
  if (reason == EXIT_POLL) {
    const entry = load<u64>(pages + offset);
    // A store that is not within one entry is not handled, nor does Xen.
    const error = onlyEntryChanged(page, offset) ? compareExchangeL1Entry(page + offset, old, entry, v.domid) : -1;
    if (!error) return true;
    memory.copy(v.cpu, saved, CPU_SIZE);
    // An accessed or dirty bit was set meanwhile; the guest's next attempt sees it.
    return error == -EAGAIN;
  }
  memory.copy(v.cpu, saved, CPU_SIZE);
  return false;
}

/** Returns whether the entries beside the one written are as they were, except for bits that walks set. */
function onlyEntryChanged(page: usize, offset: u32): bool {
  const ad: u64 = 0x60;
  if (offset > 0 && (load<u64>(page + offset - PTE_SIZE) ^ load<u64>(pages + offset - PTE_SIZE)) & ~ad) return false;
  return offset == 0xff8 || ((load<u64>(page + offset + PTE_SIZE) ^ load<u64>(pages + offset + PTE_SIZE)) & ~ad) == 0;
}
