/** Global virtual interrupts, and which domain each goes to: dom0, unless XEN_DOMCTL_set_virq_handler named another. */
import { EINVAL } from "../../abi/errno";
import { NR_VIRQS } from "../../abi/xen";
import { Domain, domainById, vcpuOf } from "../domain/domain";
import { HYPERVISOR_ROOT } from "../memory/frames";
import { virqIsGlobal } from "./bind";
import { sendGuestVirq } from "./send";

/** NR_VIRQS x u32: domid of the handler; 0 is dom0, who has them first and gets back those of a domain that dies. Atomic. */
const ROOT_VIRQ_HANDLERS: usize = HYPERVISOR_ROOT + 0x100;

// @ts-ignore: decorator
@inline
function handlerOf(virq: u32): usize {
  return ROOT_VIRQ_HANDLERS + <usize>virq * 4;
}

/** From now on the virtual interrupt goes to `d`. 0, or -EINVAL: it is none of the host, or `d` dies. The domctl lock is held. */
export function setGlobalVirqHandler(d: Domain, virq: u32): i32 {
  if (virq >= <u32>NR_VIRQS || !virqIsGlobal(virq) || d.dying) return -EINVAL;
  atomic.store<u32>(handlerOf(virq), d.domid);
  return 0;
}

/** A domain dies: its number may be another's next. */
export function clearGlobalVirqHandlers(d: Domain): void {
  for (let virq: u32 = 0; virq < <u32>NR_VIRQS; virq++) atomic.cmpxchg<u32>(handlerOf(virq), d.domid, 0);
}

/** Raises a global virtual interrupt at its handler's vCPU 0; nothing happens if that has not bound it. Any thread. */
export function sendGlobalVirq(virq: u32): void {
  const d = domainById(atomic.load<u32>(handlerOf(virq)));
  const v = d ? vcpuOf(d, 0) : null;
  if (v) sendGuestVirq(v, virq);
}
