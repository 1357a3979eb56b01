import { beforeEach, describe, expect, it } from "vitest";
import {
  EVTCHNOP_bind_ipi,
  EVTCHNOP_bind_pirq,
  EVTCHNOP_reset,
  EVTCHNOP_send,
  EVTCHNOP_status,
  EVTCHNSTAT_closed,
  EVTCHNSTAT_interdomain,
  EVTCHNSTAT_ipi,
  EVTCHNSTAT_unbound,
  EVTCHNSTAT_virq,
} from "../../../core/abi/event_channel.ts";
import { bootHost, EventDomain, PRIVILEGED, SELF, type EventCore } from "./host.ts";
import type { Host } from "../memory/host.ts";

const EPERM = -1;
const ENOENT = -2;
const ESRCH = -3;
const EFAULT = -14;
const EEXIST = -17;
const EINVAL = -22;
const ENOSPC = -28;
const ENOSYS = -38;
const EOPNOTSUPP = -95;

let host: Host;
let core: EventCore;
let dom0: EventDomain;
let a: EventDomain;
let b: EventDomain;

beforeEach(async () => {
  ({ host, core } = await bootHost());
  dom0 = new EventDomain(host, 0, PRIVILEGED);
  a = new EventDomain(host, 1);
  b = new EventDomain(host, 2);
  return () => {
    expect(core.checkEventChannels(), host.log()).toBe(0);
    expect(core.checkMemory(), host.log()).toBe(0);
  };
});

/** Makes a channel between a and b. Returns [port of a, port of b]. */
function channel(): [number, number] {
  const here = a.allocUnbound(SELF, 2);
  const there = b.bindInterdomain(1, here);
  expect(here).toBeGreaterThan(0);
  expect(there).toBeGreaterThan(0);
  return [here, there];
}

describe("interdomain channels", () => {
  it("carry events both ways, and close to unbound", () => {
    const [here, there] = channel();
    expect(a.status(here)).toEqual([EVTCHNSTAT_interdomain, 0, 2, there]);
    expect(b.status(there)).toEqual([EVTCHNSTAT_interdomain, 0, 1, here]);
    // Events may have been lost before the binding, so the binder looks once.
    expect(b.pending(there)).toBe(true);
    expect(a.pending(here)).toBe(false);
    expect(b.send(there)).toBe(0);
    expect(a.pending(here)).toBe(true);
    expect(a.selector()).toBe(1n);
    expect(a.upcall()).toBe(1);
    expect(core.kicks(1, 0)).toBe(1);
    expect([core.eventsSent(2), core.eventsReceived(1)]).toEqual([1n, 1n]);
    b.send(there);
    expect(core.kicks(1, 0)).toBe(1);
    expect(b.close(there)).toBe(0);
    expect(a.status(here)).toEqual([EVTCHNSTAT_unbound, 0, 2, 0]);
    // The port is unbound, so the event is dropped.
    expect(a.send(here)).toBe(0);
    expect(b.send(there)).toBe(EINVAL);
    expect(b.bindInterdomain(1, here)).toBe(there);
    expect(a.close(here)).toBe(0);
    expect(a.close(here)).toBe(EINVAL);
    expect(b.status(there)).toEqual([EVTCHNSTAT_unbound, 0, 1, 0]);
  });

  it("loop back within a domain", () => {
    const one = a.allocUnbound(SELF, SELF);
    const other = a.bindInterdomain(SELF, one);
    expect([one, other]).toEqual([1, 2]);
    a.clear(other);
    a.send(one);
    expect(a.pending(other)).toBe(true);
    expect(a.close(one)).toBe(0);
    expect(a.status(other)).toEqual([EVTCHNSTAT_unbound, 0, 1, 0]);
  });

  it("are for the domain they were offered to", () => {
    const port = a.allocUnbound(SELF, 0);
    expect(b.bindInterdomain(1, port)).toBe(EINVAL);
    expect(b.bindInterdomain(1, 0)).toBe(EINVAL);
    expect(b.bindInterdomain(1, 0xffffffff)).toBe(EINVAL);
    expect(b.bindInterdomain(9, port)).toBe(ESRCH);
    expect(b.bindInterdomain(0x7ff1, port)).toBe(ESRCH);
    expect(dom0.bindInterdomain(1, port)).toBe(1);
    expect(dom0.bindInterdomain(1, port)).toBe(EINVAL);
    // The refused bindings used up no port.
    expect(b.bindIpi()).toBe(1);
  });

  it("are offered on behalf of others by privileged domains only", () => {
    expect(a.allocUnbound(2, 0)).toBe(EPERM);
    expect(a.allocUnbound(9, 0)).toBe(ESRCH);
    expect(dom0.allocUnbound(1, 2)).toBe(1);
    expect(b.bindInterdomain(1, 1)).toBe(1);
    expect(a.status(1, 2)).toBe(EPERM);
    expect(dom0.status(1, 2)).toEqual([EVTCHNSTAT_interdomain, 0, 1, 1]);
    expect(dom0.status(1, 9)).toBe(ESRCH);
  });
});

describe("masks", () => {
  it("hold events back until unmask", () => {
    const [here, there] = channel();
    a.mask(here);
    b.send(there);
    expect([a.pending(here), a.selector(), a.upcall(), core.kicks(1, 0)]).toEqual([true, 0n, 0, 0]);
    expect(a.unmask(here)).toBe(0);
    expect([a.masked(here), a.selector(), a.upcall(), core.kicks(1, 0)]).toEqual([false, 1n, 1, 1]);
    a.clear(here);
    a.acknowledge();
    a.mask(here);
    expect(a.unmask(here)).toBe(0);
    expect(a.upcall()).toBe(0);
    expect(a.unmask(0xffffffff)).toBe(EINVAL);
  });

  it("end a poll for their port or for several, though masked, and no other", () => {
    const [here, there] = channel();
    const [, other] = channel();
    a.mask(here);
    core.waitForPort(1, 0, here);
    core.waitForPort(1, 1, -1);
    core.waitForPort(1, 2, other);
    b.send(there);
    expect([0, 1, 2].map((vcpu) => core.isWaiting(1, vcpu))).toEqual([0, 0, 1]);
  });

  it("does not repeat an upcall that is there already", () => {
    const [here, there] = channel();
    b.send(there);
    a.clear(here);
    b.send(there);
    expect(core.kicks(1, 0)).toBe(1);
    expect(core.eventPending(1, 0)).toBe(1);
    host.bytes[core.sharedInfo(1) + 1] = 1;
    expect(core.eventPending(1, 0)).toBe(0);
  });
});

describe("VIRQs and IPIs", () => {
  it("bind once per vCPU, global ones once", () => {
    const timers = [0, 1, 2].map((vcpu) => a.bindVirq(0, vcpu));
    expect(timers).toEqual([1, 2, 3]);
    expect(a.bindVirq(0, 1)).toBe(EEXIST);
    expect(a.bindVirq(0, 4)).toBe(ENOENT);
    expect(a.bindVirq(24, 0)).toBe(EINVAL);
    expect(a.bindVirq(0xffffffff, 0)).toBe(EINVAL);
    expect(a.bindVirq(3, 1)).toBe(EINVAL);
    expect(a.bindVirq(3, 0)).toBe(4);
    expect(a.status(2)).toEqual([EVTCHNSTAT_virq, 1, 0, 0]);
    core.virq(1, 1, 0);
    expect([a.pending(1), a.pending(2)]).toEqual([false, true]);
    expect([core.kicks(1, 0), core.kicks(1, 1)]).toEqual([0, 1]);
    // The timer belongs to its vCPU, while a global VIRQ may be sent elsewhere.
    expect(a.bindVcpu(2, 0)).toBe(EINVAL);
    expect(a.bindVcpu(4, 3)).toBe(0);
    core.virq(1, 0, 3);
    expect(core.kicks(1, 3)).toBe(1);
    expect(a.close(4)).toBe(0);
    expect(a.bindVirq(3)).toBe(4);
    expect(a.close(2)).toBe(0);
    core.virq(1, 1, 0);
    expect(a.pending(2)).toBe(false);
  });

  it("global VIRQs go to dom0", () => {
    const mine = a.bindVirq(3);
    const port = dom0.bindVirq(3);
    core.sendGlobalVirq(3);
    expect([a.pending(mine), dom0.pending(port)]).toEqual([false, true]);
  });

  it("global VIRQs go to the domain that was made their handler, until it dies", () => {
    const mine = a.bindVirq(3);
    const port = dom0.bindVirq(3);
    const other = dom0.bindVirq(8);
    expect(core.setVirqHandler(1, 3)).toBe(0);
    core.sendGlobalVirq(3);
    core.sendGlobalVirq(8);
    expect([a.pending(mine), dom0.pending(port), dom0.pending(other)]).toEqual([true, false, true]);
    core.destroyEvents(1);
    core.sendGlobalVirq(3);
    expect(dom0.pending(port)).toBe(true);
  });

  it("IPIs tell their vCPU, for good", () => {
    const port = a.bindIpi(2);
    expect(a.bindIpi(4)).toBe(ENOENT);
    expect(a.send(port)).toBe(0);
    expect(core.kicks(1, 2)).toBe(1);
    expect(a.status(port)).toEqual([EVTCHNSTAT_ipi, 2, 0, 0]);
    expect(a.bindVcpu(port, 1)).toBe(EINVAL);
    const virq = a.bindVirq(1, 0);
    expect(a.send(virq)).toBe(EINVAL);
  });

  it("interdomain ports tell the vCPU they are bound to", () => {
    const [here, there] = channel();
    expect(a.bindVcpu(here, 3)).toBe(0);
    expect(a.bindVcpu(here, 4)).toBe(ENOENT);
    expect(a.bindVcpu(99, 0)).toBe(EINVAL);
    b.send(there);
    expect([core.kicks(1, 0), core.kicks(1, 3)]).toEqual([0, 1]);
  });
});

describe("refusals", () => {
  it("port 0, ports that are not there, wrong ABI", () => {
    for (const call of [a.close, a.send] as const) {
      expect(call(0)).toBe(EINVAL);
      expect(call(0xffffffff)).toBe(EINVAL);
    }
    expect(a.status(0)).toEqual([EVTCHNSTAT_closed, 0, 0, 0]);
    expect(a.status(4096)).toBe(EINVAL);
    expect(core.portPending(1, 0)).toBe(EINVAL);
    expect(core.portPending(1, 4096)).toBe(EINVAL);
    expect(a.expandArray(1)).toBe(EOPNOTSUPP);
    expect(a.setPriority(1, 0)).toBe(ENOSYS);
    expect(a.op(EVTCHNOP_bind_pirq, [1, 0])).toBe(EPERM);
    expect(a.op(99, [])).toBe(ENOSYS);
    core.becomeVcpu(1, 0);
    expect(core.doEventChannelOp(EVTCHNOP_send, BigInt(dom0.address(1)))).toBe(BigInt(EFAULT));
    expect(core.doEventChannelOp(EVTCHNOP_status, 1n << 40n)).toBe(BigInt(EFAULT));
  });

  it("more ports than the ABI or the domain's limit has", () => {
    core.setMaxPort(2, 70);
    for (let port = 1; port <= 70; port++) expect(b.bindIpi()).toBe(port);
    expect(b.bindIpi()).toBe(ENOSPC);
    const offered = a.allocUnbound(SELF, 2);
    expect(b.bindInterdomain(1, offered)).toBe(ENOSPC);
    expect(b.close(33)).toBe(0);
    expect(b.bindInterdomain(1, offered)).toBe(33);
    for (let port = 2; port < 4096; port++) expect(a.bindIpi(port & 3)).toBe(port);
    expect(a.bindIpi()).toBe(ENOSPC);
    a.mask(4095, false);
    expect(a.send(4095)).toBe(0);
    expect([a.pending(4095), a.selector(3)]).toEqual([true, 1n << 63n]);
  });

  it("the older hypercall has the operations up to unmask", () => {
    core.becomeVcpu(1, 0);
    const at = a.address(0);
    host.bytes.fill(0, at, at + 64);
    host.set32(at, EVTCHNOP_bind_ipi);
    host.set32(at + 4, 1);
    expect(core.doEventChannelOpCompat(BigInt(at))).toBe(0n);
    expect(host.get32(at + 8)).toBe(1);
    host.set32(at, EVTCHNOP_reset);
    expect(core.doEventChannelOpCompat(BigInt(at))).toBe(BigInt(ENOSYS));
  });
});

describe("a domain's end", () => {
  it("closes everything in pieces; the other ends are unbound", () => {
    for (let i = 0; i < 300; i++) b.bindInterdomain(1, a.allocUnbound(SELF, 2));
    a.bindVirq(0, 1);
    expect(core.destroyEvents(1)).toBeGreaterThan(4);
    expect(b.status(7)).toEqual([EVTCHNSTAT_unbound, 0, 1, 0]);
    expect(b.send(7)).toBe(0);
    core.virq(1, 1, 0);
    expect(dom0.allocUnbound(1, 2)).toBe(EINVAL);
    expect(core.checkEventChannels(), host.log()).toBe(0);
  });
});
