/**
 * A domain's ports: structures of 32 bytes, 128 to a bucket (a Xen heap page), buckets listed in the table page Domain.evtchn.
 * Ports are only added, never taken away, while the domain lives: `evtchnValid` grows by whole buckets.
 *
 * Locks: the domain's evtchnLock guards every field of its ports; both ends' locks (in order of address) while two ports
 * are joined or parted, so whoever holds one end's lock may rely on the other end. PORT_pending is FIFO's (fifo.ts).
 */
import { EINVAL, ENOMEM, ENOSPC } from "../abi/errno";
import { EVTCHN_2L_NR_CHANNELS, EVTCHN_FIFO_NR_CHANNELS, EVTCHN_FIFO_PRIORITY_DEFAULT } from "../abi/event_channel";
import { Domain } from "../domain/domain";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { frameAddress } from "../memory/frames";
import { spinLock, spinUnlock } from "../sched/lock";
import { isLinked } from "./fifo_pages";

export const ECS_FREE: u32 = 0;
/** Port 0: never given out. */
export const ECS_RESERVED: u32 = 1;
export const ECS_UNBOUND: u32 = 2;
export const ECS_INTERDOMAIN: u32 = 3;
export const ECS_VIRQ: u32 = 4;
export const ECS_IPI: u32 = 5;


@unmanaged
export class Port {
  /** ECS_* */
  state: u32;
  /** vCPU that is told. */
  notifyVcpu: u32;
  /** UNBOUND: who may bind; INTERDOMAIN: the other end's domain. */
  remoteDomid: u32;
  /** INTERDOMAIN: the other end. */
  remotePort: u32;
  /** VIRQ: its number. */
  virq: u32;
  /** FIFO: priority that the guest set. */
  priority: u16;
  /** FIFO: 1 = became pending before the guest had given an event word for it. */
  pending: u16;
  /** FIFO: the queue the port was last linked to. */
  lastQueue: u32;
  /** Events that were made pending since it was bound; wraps. Atomic. */
  events: u32;
}
const PORT_SIZE: usize = 32;
const PORTS_PER_BUCKET: u32 = 128;
const BUCKET_SHIFT: u32 = 7;

// @ts-ignore: decorator
@inline
function lockOf(d: Domain): usize {
  return changetype<usize>(d) + offsetof<Domain>("evtchnLock");
}
export function lockPorts(d: Domain): void {
  spinLock(lockOf(d));
}
export function unlockPorts(d: Domain): void {
  spinUnlock(lockOf(d));
}
/** Both domains' locks, in order of address; they may be the same domain. */
export function lockBoth(a: Domain, b: Domain): void {
  if (a == b) {
    lockPorts(a);
    return;
  }
  const first = changetype<usize>(a) < changetype<usize>(b) ? a : b;
  lockPorts(first);
  lockPorts(first == a ? b : a);
}
export function unlockBoth(a: Domain, b: Domain): void {
  unlockPorts(a);
  if (a != b) unlockPorts(b);
}

// @ts-ignore: decorator
@inline
export function portValid(d: Domain, port: u32): bool {
  return port < atomic.load<u32>(changetype<usize>(d) + offsetof<Domain>("evtchnValid"));
}
/** The structure of a valid port. */
// @ts-ignore: decorator
@inline
export function portOf(d: Domain, port: u32): Port {
  const bucket = <usize>load<u32>(d.evtchn + ((<usize>(port >> BUCKET_SHIFT)) << 2));
  return changetype<Port>(bucket + <usize>(port & (PORTS_PER_BUCKET - 1)) * PORT_SIZE);
}

/** Something may arrive at the port (Xen's evtchn_usable). */
// @ts-ignore: decorator
@inline
export function portUsable(p: Port): bool {
  return p.state > ECS_RESERVED;
}

/** Number of ports the domain's ABI and its limit let it have. */
function maxPorts(d: Domain): u32 {
  const abi: u32 = d.evtchnFifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;
  return d.evtchnMaxPort < abi ? d.evtchnMaxPort + 1 : abi;
}

function addBucket(d: Domain): bool {
  const page = allocXenheapPages(0);
  if (!page) return false;
  for (let i: u32 = 0; i < PORTS_PER_BUCKET; i++) {
    const port = changetype<Port>(frameAddress(page) + <usize>i * PORT_SIZE);
    port.priority = <u16>EVTCHN_FIFO_PRIORITY_DEFAULT;
  }
  const valid = d.evtchnValid;
  store<u32>(d.evtchn + ((<usize>(valid >> BUCKET_SHIFT)) << 2), <u32>frameAddress(page));
  atomic.store<u32>(changetype<usize>(d) + offsetof<Domain>("evtchnValid"), valid + PORTS_PER_BUCKET);
  return true;
}

/** Table, first bucket, port 0. 0 or -ENOMEM. */
export function portsInit(d: Domain): i32 {
  const table = allocXenheapPages(0);
  if (!table) return -ENOMEM;
  d.evtchn = frameAddress(table);
  if (!addBucket(d)) {
    freeXenheapPages(table, 0);
    d.evtchn = 0;
    return -ENOMEM;
  }
  portOf(d, 0).state = ECS_RESERVED;
  d.evtchnNextFree = 1;
  return 0;
}

export function portsFree(d: Domain): void {
  if (!d.evtchn) return;
  for (let port: u32 = 0; port < d.evtchnValid; port += PORTS_PER_BUCKET)
    freeXenheapPages(load<u32>(d.evtchn + ((<usize>(port >> BUCKET_SHIFT)) << 2)) >> 12, 0);
  freeXenheapPages(<u32>(d.evtchn >> 12), 0);
  d.evtchn = 0;
  d.evtchnValid = 0;
}

/** The lowest free port that no queue has; -EINVAL, -ENOSPC or -ENOMEM. Lock held. The caller gives it a state. */
export function takeFreePort(d: Domain): i32 {
  if (d.dying) return -EINVAL;
  const most = maxPorts(d);
  let port = d.evtchnNextFree;
  // Ports below this are taken; free ones that are still linked are looked at again next time.
  let taken = port;
  for (; port < most; port++) {
    if (port >= d.evtchnValid && !addBucket(d)) return -ENOMEM;
    const free = portOf(d, port).state == ECS_FREE;
    if (free && !isLinked(d, port)) break;
    if (!free && taken == port) taken++;
  }
  d.evtchnNextFree = taken;
  if (port >= most) return -ENOSPC;
  if (taken == port) d.evtchnNextFree++;
  d.evtchnActive++;
  const p = portOf(d, port);
  p.notifyVcpu = 0;
  p.remoteDomid = 0;
  p.remotePort = 0;
  p.virq = 0;
  p.priority = <u16>EVTCHN_FIFO_PRIORITY_DEFAULT;
  p.events = 0;
  return <i32>port;
}

/** The event word of a closed port may still be linked into a queue of the guest's. Lock held. */
export function giveBackPort(d: Domain, port: u32): void {
  const p = portOf(d, port);
  p.state = ECS_FREE;
  p.notifyVcpu = 0;
  if (port < d.evtchnNextFree) d.evtchnNextFree = port;
  d.evtchnActive--;
}
