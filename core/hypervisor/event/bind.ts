/** Binding and closing of ports. All functions return 0 (or a port, where they say so) or -errno, as Xen 4.17 does. */
import { EEXIST, EINVAL, ENOENT } from "../../abi/errno";
import { NR_VIRQS, VIRQ_DEBUG, VIRQ_TIMER, VIRQ_XENOPROF, VIRQ_XENPMU } from "../../abi/xen";
import { Domain, domainById, vcpuOf } from "../domain/domain";
import { spinLock, spinUnlock } from "../sched/lock";
import {
  ECS_FREE,
  ECS_INTERDOMAIN,
  ECS_IPI,
  ECS_RESERVED,
  ECS_UNBOUND,
  ECS_VIRQ,
  giveBackPort,
  lockBoth,
  lockPorts,
  portOf,
  portValid,
  takeFreePort,
  unlockBoth,
  unlockPorts,
} from "./port";
import { clearPending, setPending, virqLock, virqPort } from "./send";

/** Whether the VIRQ belongs to the domain as a whole and not to each of its vCPUs. */
export function virqIsGlobal(virq: u32): bool {
  return virq != <u32>VIRQ_TIMER && virq != <u32>VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

/** Allocates a port of `d` that domain `remote` may bind to. Returns the port. */
export function allocUnbound(d: Domain, remote: u32): i32 {
  lockPorts(d);
  const port = takeFreePort(d);
  if (port > 0) {
    const p = portOf(d, <u32>port);
    p.state = ECS_UNBOUND;
    p.remoteDomid = remote;
    clearPending(d, <u32>port);
  }
  unlockPorts(d);
  return port;
}

/** Connects a new port of `d` with the unbound `remotePort` of domain `remote`. Returns the new port. */
export function bindInterdomain(d: Domain, remote: Domain, remotePort: u32): i32 {
  lockBoth(d, remote);
  const port = joinPorts(d, remote, remotePort);
  unlockBoth(d, remote);
  return port;
}

function joinPorts(d: Domain, remote: Domain, remotePort: u32): i32 {
  // Xen looks for a port of its own first: a full table is -ENOSPC whatever the remote port is.
  const port = takeFreePort(d);
  if (port < 0) return port;
  const there = portOf(remote, portValid(remote, remotePort) ? remotePort : 0);
  if (there.state != ECS_UNBOUND || there.remoteDomid != d.domid) {
    giveBackPort(d, <u32>port);
    return -EINVAL;
  }
  const here = portOf(d, <u32>port);
  here.state = ECS_INTERDOMAIN;
  here.remoteDomid = remote.domid;
  here.remotePort = remotePort;
  there.state = ECS_INTERDOMAIN;
  there.remoteDomid = d.domid;
  there.remotePort = <u32>port;
  // Notifications sent while it was unbound are lost: the new end looks once.
  setPending(d, <u32>port);
  return port;
}

/** The port. */
export function bindVirq(d: Domain, virq: u32, vcpu: u32): i32 {
  if (virq >= <u32>NR_VIRQS) return -EINVAL;
  if (virqIsGlobal(virq) && vcpu != 0) return -EINVAL;
  const v = vcpuOf(d, vcpu);
  if (!v) return -ENOENT;
  lockPorts(d);
  let port: i32 = -EEXIST;
  if (!load<u32>(virqPort(v, virq))) {
    port = takeFreePort(d);
    if (port > 0) {
      const p = portOf(d, <u32>port);
      p.state = ECS_VIRQ;
      p.virq = virq;
      p.notifyVcpu = vcpu;
      clearPending(d, <u32>port);
      spinLock(virqLock(v));
      store<u32>(virqPort(v, virq), <u32>port);
      spinUnlock(virqLock(v));
    }
  }
  unlockPorts(d);
  return port;
}

/** The port. */
export function bindIpi(d: Domain, vcpu: u32): i32 {
  if (!vcpuOf(d, vcpu)) return -ENOENT;
  lockPorts(d);
  const port = takeFreePort(d);
  if (port > 0) {
    const p = portOf(d, <u32>port);
    p.state = ECS_IPI;
    p.notifyVcpu = vcpu;
    clearPending(d, <u32>port);
  }
  unlockPorts(d);
  return port;
}

/** Chooses the vCPU that a port notifies. */
export function bindVcpu(d: Domain, port: u32, vcpu: u32): i32 {
  if (!vcpuOf(d, vcpu)) return -ENOENT;
  if (!portValid(d, port)) return -EINVAL;
  lockPorts(d);
  const p = portOf(d, port);
  const movable = p.state == ECS_UNBOUND || p.state == ECS_INTERDOMAIN || (p.state == ECS_VIRQ && virqIsGlobal(p.virq));
  if (movable) p.notifyVcpu = vcpu;
  unlockPorts(d);
  return movable ? 0 : -EINVAL;
}

/** Closes a port. The other end of an interdomain channel becomes unbound, and this domain may bind to it again. */
export function closePort(d: Domain, port: u32): i32 {
  if (!portValid(d, port)) return -EINVAL;
  while (true) {
    // The other end's lock comes first if its address is lower, so its domain must be known before.
    lockPorts(d);
    const p = portOf(d, port);
    const state = p.state;
    const remoteDomid = p.remoteDomid;
    if (state != ECS_INTERDOMAIN) {
      const error = closeAlone(d, port);
      unlockPorts(d);
      return error;
    }
    unlockPorts(d);
    const remote = domainById(remoteDomid);
    if (!remote) return -EINVAL;
    lockBoth(d, remote);
    // Meanwhile the domid may have been given to a new domain.
    const same = p.state == ECS_INTERDOMAIN && p.remoteDomid == remoteDomid && domainById(remoteDomid) == remote;
    if (same) part(d, port, remote);
    unlockBoth(d, remote);
    if (same) return 0;
  }
}

function part(d: Domain, port: u32, remote: Domain): void {
  const p = portOf(d, port);
  const other = portOf(remote, p.remotePort);
  other.state = ECS_UNBOUND;
  other.remoteDomid = d.domid;
  other.remotePort = 0;
  clearPending(d, port);
  giveBackPort(d, port);
}

function closeAlone(d: Domain, port: u32): i32 {
  const p = portOf(d, port);
  if (p.state == ECS_FREE || p.state == ECS_RESERVED) return -EINVAL;
  if (p.state == ECS_VIRQ) {
    const v = vcpuOf(d, p.notifyVcpu);
    // A global one may have been moved to tell another vCPU; it is noted with vCPU 0.
    const noted = virqIsGlobal(p.virq) ? vcpuOf(d, 0) : v;
    if (noted) {
      spinLock(virqLock(noted));
      if (load<u32>(virqPort(noted, p.virq)) == port) store<u32>(virqPort(noted, p.virq), 0);
      spinUnlock(virqLock(noted));
    }
  }
  clearPending(d, port);
  giveBackPort(d, port);
  return 0;
}
