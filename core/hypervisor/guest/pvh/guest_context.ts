/**
 * struct vcpu_guest_context of a PVH vCPU, as Xen gives it to those who look at one (dump-core, debuggers): registers, control registers, the
 * selectors of segments and two bases. What only a PV guest has stays 0. The vCPU's whole state is in its HVM records (hvm_context.ts).
 */
import {
  VCPU_GUEST_CONTEXT_CTRLREG,
  VCPU_GUEST_CONTEXT_DEBUGREG,
  VCPU_GUEST_CONTEXT_FLAGS,
  VCPU_GUEST_CONTEXT_FPU_CTXT,
  VCPU_GUEST_CONTEXT_FS_BASE,
  VCPU_GUEST_CONTEXT_GS_BASE_KERNEL,
  VCPU_GUEST_CONTEXT_GS_BASE_USER,
  VCPU_GUEST_CONTEXT_USER_REGS,
  VGCF_i387_valid,
  VGCF_in_kernel,
  VGCF_online,
} from "../../../abi/arch_x86";
import * as s from "../../../machine/cpu/state";
import { VPF_down, Vcpu } from "../../domain/domain";
import { giveFxsave } from "../fxsave";
import { giveUserRegs } from "../user_regs";

const CONTROL: usize = VCPU_GUEST_CONTEXT_CTRLREG;

function base(c: usize, n: usize): u64 {
  return load<u64>(c + s.CPU_SEG + n * s.SEG_SIZE, s.SEG_BASE);
}

/** Writes to zeroed memory. The vCPU does not run. */
export function pvhGetContext(v: Vcpu, context: usize): void {
  const c = v.cpu;
  const inKernel = load<u32>(c, s.CPU_CPL) == 0;
  giveFxsave(c, context + VCPU_GUEST_CONTEXT_FPU_CTXT);
  let flags: u64 = VGCF_i387_valid;
  if (inKernel) flags |= VGCF_in_kernel;
  if (!(v.pauseFlags & VPF_down)) flags |= VGCF_online;
  store<u64>(context, flags, VCPU_GUEST_CONTEXT_FLAGS);
  giveUserRegs(c, context + VCPU_GUEST_CONTEXT_USER_REGS);
  store<u64>(context, load<u64>(c, s.CPU_CR0), CONTROL);
  store<u64>(context, load<u64>(c, s.CPU_CR2), CONTROL + 2 * 8);
  store<u64>(context, load<u64>(c, s.CPU_CR3), CONTROL + 3 * 8);
  store<u64>(context, load<u64>(c, s.CPU_CR4), CONTROL + 4 * 8);
  memory.copy(context + VCPU_GUEST_CONTEXT_DEBUGREG, c + s.CPU_DR, 64);
  store<u64>(context, base(c, s.FS), VCPU_GUEST_CONTEXT_FS_BASE);
  const other = load<u64>(c, s.CPU_KERNEL_GS_BASE);
  store<u64>(context, inKernel ? base(c, s.GS) : other, VCPU_GUEST_CONTEXT_GS_BASE_KERNEL);
  store<u64>(context, inKernel ? other : base(c, s.GS), VCPU_GUEST_CONTEXT_GS_BASE_USER);
}
