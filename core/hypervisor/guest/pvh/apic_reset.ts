/** The initial state of a local APIC, and its ids. */
import { Vcpu } from "../../domain/domain";
import { isX2apic, setRegister } from "./apic";
import {
  APIC_ID,
  APIC_VERSION,
  APIC_LDR,
  APIC_DFR,
  APIC_SVR,
  APIC_LVT_TIMER,
  APIC_LVT_CMCI,
  APIC_LVT_ERROR,
  LVT_MASKED,
} from "./apic_offsets";
import { stopTimer } from "./apic_timer";
import { apicRegister } from "./state";

const VERSION_VALUE: u32 = 0x00050014;

/** Sets the state after power-on and after INIT. INIT does not touch IA32_APIC_BASE. */
export function resetApic(v: Vcpu): void {
  stopTimer(v);
  memory.fill(apicRegister(v, 0), 0, 0x400);
  setRegister(v, APIC_VERSION, VERSION_VALUE);
  setRegister(v, APIC_SVR, 0xff);
  setRegister(v, APIC_DFR, 0xffffffff);
  for (let offset = APIC_LVT_TIMER; offset <= APIC_LVT_ERROR; offset += 16) setRegister(v, offset, LVT_MASKED);
  setRegister(v, APIC_LVT_CMCI, LVT_MASKED);
  setIds(v);
}

/** In x2APIC mode the logical id is computed from the vCPU's number, as in Xen, and not from the APIC id. */
export function setIds(v: Vcpu): void {
  const id: u32 = v.vcpuId;
  if (isX2apic(v)) {
    setRegister(v, APIC_ID, id * 2);
    setRegister(v, APIC_LDR, ((id & 0xfff0) << 12) | ((<u32>1) << (id & 15)));
  } else setRegister(v, APIC_ID, (id * 2) << 24);
}
