/** Interrupts between the vCPUs of a PVH domain, and how a vCPU is started: what writing the interrupt command register does. */
import { VPF_down, Vcpu, vcpuOf } from "../../domain/domain";
import { vcpuKick } from "../../sched/vcpu";
import { vcpuWake } from "../../sched/wake";
import { isX2apic, raiseVector, register } from "./apic";
import { APIC_LDR, APIC_DFR, ERROR_SENT_VECTOR } from "./apic_offsets";
import { HvmVcpu, SIPI_CAME, hvm } from "./state";

const MODE_FIXED: u32 = 0;
const MODE_LOWEST: u32 = 1;
const MODE_NMI: u32 = 4;
const MODE_INIT: u32 = 5;
const MODE_STARTUP: u32 = 6;
const ICR_LOGICAL: u32 = 0x800;
const ICR_ASSERT: u32 = 0x4000;
const ICR_LEVEL: u32 = 0x8000;

function isAddressed(target: Vcpu, destination: u32, logical: bool, wide: bool): bool {
  if (wide) {
    if (destination == 0xffffffff) return true;
    if (!logical) return destination == target.vcpuId * 2;
    const ldr = ((target.vcpuId & 0xfff0) << 12) | ((<u32>1) << (target.vcpuId & 15));
    return destination >> 16 == ldr >> 16 && (destination & ldr & 0xffff) != 0;
  }
  if (destination == 0xff) return true;
  if (!logical) return destination == target.vcpuId * 2;
  const ldr = register(target, APIC_LDR) >> 24;
  // The flat model, or clusters of four.
  if (register(target, APIC_DFR) >> 28 == 15) return (destination & ldr) != 0;
  return destination >> 4 == ldr >> 4 && (destination & ldr & 15) != 0;
}

/** Carries out a write of APIC_ICR: `low`, and the destination. */
export function sendIpi(v: Vcpu, low: u32, destination: u32): void {
  const mode = (low >> 8) & 7;
  const vector = low & 0xff;
  if ((mode == MODE_FIXED || mode == MODE_LOWEST) && vector < 16) {
    hvm(v).apicErrors |= ERROR_SENT_VECTOR;
    return;
  }
  const d = v.domain;
  const shorthand = (low >> 18) & 3;
  for (let id: u32 = 0; id < d.maxVcpus; id++) {
    const found = vcpuOf(d, id);
    if (!found) continue;
    const target = found as Vcpu;
    const isMeant =
      shorthand == 0
        ? isAddressed(target, destination, (low & ICR_LOGICAL) != 0, isX2apic(v))
        : shorthand == 1
          ? target == v
          : shorthand == 2 || target != v;
    if (!isMeant) continue;
    deliver(target, mode, vector, low);
    if (mode == MODE_LOWEST) return;
  }
}

function deliver(target: Vcpu, mode: u32, vector: u32, low: u32): void {
  const h = hvm(target);
  switch (mode) {
    case MODE_FIXED:
    case MODE_LOWEST:
      raiseVector(target, vector);
      vcpuKick(target);
      return;
    case MODE_NMI:
      atomic.store<u32>(changetype<usize>(target) + offsetof<Vcpu>("nmiPending"), 1);
      vcpuKick(target);
      return;
    case MODE_INIT:
      // INIT level de-assert has no meaning for today's processors.
      if ((low & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL) return;
      atomic.store<u32>(changetype<usize>(h) + offsetof<HvmVcpu>("init"), 1);
      vcpuKick(target);
      return;
    case MODE_STARTUP:
      atomic.store<u32>(changetype<usize>(h) + offsetof<HvmVcpu>("sipi"), vector | SIPI_CAME);
      startWaiting(target);
      return;
    default:
      return;
  }
}

/** A vCPU that is down has to run to handle an INIT, or the start-up IPI that it waits for. A start-up IPI does nothing to one that is up. */
function startWaiting(target: Vcpu): void {
  const flags = changetype<usize>(target) + offsetof<Vcpu>("pauseFlags");
  const h = changetype<usize>(hvm(target));
  if (!atomic.load<u32>(h + offsetof<HvmVcpu>("waitsForSipi")) && !atomic.load<u32>(h + offsetof<HvmVcpu>("init")))
    return;
  if (atomic.and<u32>(flags, ~VPF_down) & VPF_down) vcpuWake(target);
}
