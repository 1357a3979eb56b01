import { beforeEach, describe, expect, it } from "vitest";
import { EVTCHNOP_reset, EVTCHNOP_reset_cont, EVTCHNSTAT_closed } from "../../../core/abi/event_channel.ts";
import type { Host } from "../memory/host.ts";
import { bootHost, EventDomain, fifoPending, PRIVILEGED, SELF, type EventCore } from "./host.ts";

const EPERM = -1;
const EAGAIN = -11;
const EACCES = -13;
const EBUSY = -16;
const EINVAL = -22;
const CONTROL_FRAME = 1;
const WORDS_FRAME = 2;

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

function fifo(): void {
  expect(a.initControl(CONTROL_FRAME)).toBe(0);
  expect(a.expandArray(WORDS_FRAME)).toBe(0);
}

describe("closed ports", () => {
  it("are not unmasked: their mask is the guest's own business", () => {
    a.mask(5);
    expect(a.unmask(5)).toBe(0);
    expect(a.masked(5)).toBe(true);
  });

  it("have no priority", () => {
    expect(a.initControl(1)).toBe(0);
    expect(a.setPriority(1, 3)).toBe(EACCES);
  });

  it("are not given out again while they are linked", () => {
    fifo();
    const port = a.bindIpi();
    a.send(port);
    expect(a.close(port)).toBe(0);
    expect(fifoPending(a.eventWord(port))).toBe(false);
    expect(a.bindIpi()).toBe(port + 1);
    expect(a.consume()).toEqual([]);
    expect(a.bindIpi()).toBe(port);
  });

  it("forget which vCPU they told", () => {
    const port = a.allocUnbound(SELF, 2);
    a.bindVcpu(port, 3);
    a.close(port);
    expect(a.status(port)).toEqual([EVTCHNSTAT_closed, 0, 0, 0]);
  });
});

describe("control", () => {
  it("a device model may offer ports of its target, not the other way round", () => {
    expect(a.allocUnbound(2, 0)).toBe(EPERM);
    core.setTarget(1, 2);
    expect(a.allocUnbound(2, 0)).toBe(1);
    expect(b.allocUnbound(1, 0)).toBe(EPERM);
  });

  it("a refused control block costs no memory", () => {
    const free = core.freePages();
    expect(a.initControl(0x7fffffff)).toBe(EINVAL);
    expect(core.freePages()).toBe(free);
    core.destroyEvents(1);
    expect(core.freePages()).toBe(free);
  });
});

describe("reset", () => {
  it("is for the domain itself and who may control it, paused", () => {
    const port = a.bindIpi();
    expect(b.reset(1)).toBe(EPERM);
    expect(dom0.reset(1)).toBe(EINVAL);
    core.setControllerPauseCount(1, 1);
    expect(dom0.reset(1)).toBe(0);
    expect(a.send(port)).toBe(EINVAL);
    core.setControllerPauseCount(1, 0);
  });

  it("is continued when the pCPU has other work, one at a time", () => {
    fifo();
    for (let i = 0; i < 300; i++) a.bindIpi();
    expect(a.op(EVTCHNOP_reset_cont, [SELF])).toBe(EBUSY);
    core.setPreempted(1);
    a.op(EVTCHNOP_reset, [SELF]);
    expect(core.continuedCommand()).toBe(EVTCHNOP_reset_cont);
    expect(a.op(EVTCHNOP_reset, [SELF])).toBe(EBUSY);
    // Another vCPU takes a port that was examined already.
    const kept = a.bindIpi();
    core.setPreempted(0);
    expect(a.op(EVTCHNOP_reset_cont, [SELF])).toBe(EAGAIN);
    expect(core.usesFifo(1)).toBe(1);
    expect(a.send(kept)).toBe(0);
    expect(a.reset()).toBe(0);
    expect(core.usesFifo(1)).toBe(0);
  });
});
