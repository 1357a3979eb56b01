/** Do the event channels agree with each other? Domains stand still meanwhile. */
import { EVTCHN_FIFO_PRIORITY_MIN } from "../../abi/event_channel";
import { NR_VIRQS } from "../../abi/xen";
import { LOG_ERR } from "../abi/log";
import { logBegin, logDec, logEnd, logText } from "../console/console";
import { Domain, Vcpu, domainById, domainList, vcpuOf } from "../domain/domain";
import { CONTROL, TAILS, isLinked } from "./fifo_pages";
import { ECS_FREE, ECS_INTERDOMAIN, ECS_IPI, ECS_RESERVED, ECS_VIRQ, portOf, portValid } from "./port";
import { virqPort } from "./send";
import { virqIsGlobal } from "./bind";

let violations: i32 = 0;
const DESCRIBED: i32 = 20;

function report(what: string, d: Domain, port: u32): void {
  if (++violations > DESCRIBED) return;
  logBegin(LOG_ERR);
  logText("Event channels: ");
  logText(what);
  logText(" d");
  logDec(d.domid);
  logText(" port ");
  logDec(port);
  logEnd();
}

function checkPort(d: Domain, port: u32): bool {
  const p = portOf(d, port);
  if (p.state == ECS_FREE || p.state == ECS_RESERVED) return false;
  // A domain may have ports before it has vCPUs; they tell vCPU 0.
  if (p.notifyVcpu && !vcpuOf(d, p.notifyVcpu)) report("tells no vCPU", d, port);
  if (p.state == ECS_INTERDOMAIN) {
    const remote = domainById(p.remoteDomid);
    if (!remote || !portValid(remote, p.remotePort)) report("bound to nothing", d, port);
    else {
      const other = portOf(remote, p.remotePort);
      if (other.state != ECS_INTERDOMAIN || other.remoteDomid != d.domid || other.remotePort != port)
        report("not paired", d, port);
    }
  } else if (p.state == ECS_VIRQ) {
    const v = vcpuOf(d, virqIsGlobal(p.virq) ? 0 : p.notifyVcpu);
    if (p.virq >= <u32>NR_VIRQS || !v || load<u32>(virqPort(v, p.virq)) != port) report("VIRQ not noted", d, port);
  } else if (p.state > ECS_IPI) report("unknown state", d, port);
  return true;
}

/** A vCPU has queues only in a domain that has the FIFO ABI, and their tails are ports. */
function checkQueues(d: Domain, v: Vcpu): void {
  if (!d.evtchnFifo) report("queues without FIFO", d, v.vcpuId);
  if (!load<u32>(v.evtchnFifo, CONTROL)) report("queues without control block", d, v.vcpuId);
  for (let priority: u32 = 0; priority <= <u32>EVTCHN_FIFO_PRIORITY_MIN; priority++) {
    const tail = load<u32>(v.evtchnFifo + TAILS + priority * 4);
    if (!tail) continue;
    if (!portValid(d, tail)) report("tail is no port", d, tail);
    else if (portOf(d, tail).lastQueue != v.vcpuId * 16 + priority + 1) report("tail of another queue", d, tail);
  }
}

function checkDomain(d: Domain): void {
  let active: u32 = 0;
  for (let port: u32 = 1; port < d.evtchnValid; port++) {
    if (checkPort(d, port)) active++;
    else if (port < d.evtchnNextFree && !isLinked(d, port)) report("free port passed over", d, port);
  }
  if (active != d.evtchnActive) report("number of ports", d, active);
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (!v) continue;
    if (v.evtchnFifo) checkQueues(d, v);
    for (let virq: u32 = 0; virq < <u32>NR_VIRQS; virq++) {
      const port = load<u32>(virqPort(v, virq));
      if (!port) continue;
      if (!portValid(d, port) || portOf(d, port).state != ECS_VIRQ || portOf(d, port).virq != virq)
        report("VIRQ of no port", d, port);
    }
  }
}

/** Number of violations; the first ones have a line each in the log. */
export function checkEventChannels(): i32 {
  violations = 0;
  for (let each = domainList(); each; each = changetype<Domain>(each).next) checkDomain(changetype<Domain>(each));
  return violations;
}
