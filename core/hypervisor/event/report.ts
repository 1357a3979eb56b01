/** What a watcher may know of a port beyond EVTCHNOP_status. Reads only. */
import { EINVAL, ESRCH } from "../../abi/errno";
import { EVTCHN_2L_NR_CHANNELS, EVTCHN_FIFO_MASKED } from "../../abi/event_channel";
import { SHARED_INFO_EVTCHN_MASK } from "../../abi/xen";
import { PORT_BITS_fifo, PORT_BITS_masked, PORT_BITS_pending } from "../abi/native";
import * as inspect from "../abi/inspect";
import { Domain, domainById } from "../domain/domain";
import { isPendingFifo, usesFifo } from "./fifo";
import { eventWord } from "./fifo_pages";
import { lockPorts, portOf, portValid, unlockPorts } from "./port";
import { isPending2l } from "./two_level";

/** PORT_BITS_* of a domain's port; -ESRCH, or -EINVAL for no port of its. */
export function portBits(domid: u32, port: u32): i32 {
  const d = domainById(domid);
  if (!d) return -ESRCH;
  if (!portValid(d, port)) return -EINVAL;
  // The guest's pages with the event words stay as long as the lock is held.
  lockPorts(d);
  const bits = usesFifo(d) ? fifoBits(d, port) : twoLevelBits(d, port);
  unlockPorts(d);
  return bits;
}

/** INSPECT_port. */
export function inspectPort(u: usize): i32 {
  const d = domainById(load<u32>(u, inspect.PORT_DOMID));
  if (!d) return -ESRCH;
  const port = load<u32>(u, inspect.PORT_PORT);
  if (!portValid(d, port)) return -EINVAL;
  lockPorts(d);
  const p = portOf(d, port);
  store<u32>(u, p.events, inspect.PORT_EVENTS);
  store<u32>(u, <u32>p.priority, inspect.PORT_PRIORITY);
  unlockPorts(d);
  return 0;
}

function fifoBits(d: Domain, port: u32): i32 {
  let bits = PORT_BITS_fifo;
  const word = eventWord(d, port);
  if (!word) return portOf(d, port).pending ? bits | PORT_BITS_pending : bits;
  if (isPendingFifo(d, port)) bits |= PORT_BITS_pending;
  if (atomic.load<u32>(word) & (1 << EVTCHN_FIFO_MASKED)) bits |= PORT_BITS_masked;
  return bits;
}

function twoLevelBits(d: Domain, port: u32): i32 {
  if (port >= <u32>EVTCHN_2L_NR_CHANNELS || !d.sharedInfo) return 0;
  const mask = d.sharedInfo + SHARED_INFO_EVTCHN_MASK + ((<usize>(port >> 6)) << 3);
  const masked = ((atomic.load<u64>(mask) >> (<u64>(port & 63))) & 1) != 0;
  return (isPending2l(d, port) ? PORT_BITS_pending : 0) | (masked ? PORT_BITS_masked : 0);
}
