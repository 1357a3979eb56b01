import { beforeEach, describe, expect, it } from "vitest";
import { EVTCHNOP_expand_array, EVTCHNOP_init_control, EVTCHN_FIFO_MASKED } from "../../../core/abi/event_channel.ts";
import type { Host } from "../memory/host.ts";
import { bootHost, EventDomain, fifoLinked, random, SELF, type EventCore } from "./host.ts";

const ENOENT = -2;
const EINVAL = -22;
const ENOSPC = -28;
const CONTROL_FRAME = 1;
const WORDS_FRAME = 2;

let host: Host;
let core: EventCore;
let a: EventDomain;
let b: EventDomain;

beforeEach(async () => {
  ({ host, core } = await bootHost());
  a = new EventDomain(host, 1);
  b = new EventDomain(host, 2);
  return () => {
    expect(core.checkEventChannels(), host.log()).toBe(0);
    expect(core.checkMemory(), host.log()).toBe(0);
  };
});

function fifo(vcpus = 1): void {
  for (let vcpu = 0; vcpu < vcpus; vcpu++) expect(a.initControl(CONTROL_FRAME, 128 * vcpu, vcpu)).toBe(0);
  expect(a.expandArray(WORDS_FRAME)).toBe(0);
}

describe("set-up", () => {
  it("checks control blocks and pages", () => {
    expect(a.initControl(CONTROL_FRAME, 0, 4)).toBe(ENOENT);
    expect(a.initControl(CONTROL_FRAME, 4)).toBe(EINVAL);
    expect(a.initControl(CONTROL_FRAME, 4096 - 64)).toBe(EINVAL);
    expect(a.initControl(0x7fffffff)).toBe(EINVAL);
    // A frame that belongs to another domain.
    expect(a.op(EVTCHNOP_init_control, [b.frames[1]!, 0, 0, 0])).toBe(EINVAL);
    expect(core.usesFifo(1)).toBe(0);
    expect(a.initControl(CONTROL_FRAME, 4096 - 72)).toBe(0);
    expect(a.word(4) & 0xff).toBe(17);
    expect(core.usesFifo(1)).toBe(1);
    expect(a.initControl(CONTROL_FRAME)).toBe(EINVAL);
    expect(a.op(EVTCHNOP_expand_array, [b.frames[1]!, 0])).toBe(EINVAL);
    expect(core.pageTypeCount(a.frames[CONTROL_FRAME]!)).toBe(1);
  });

  it("holds its pages as writable ones, gives them back at reset and at the end", () => {
    const free = core.freePages();
    fifo(2);
    expect([CONTROL_FRAME, WORDS_FRAME].map((frame) => core.pageTypeCount(a.frames[frame]!))).toEqual([2, 1]);
    expect(a.reset()).toBe(0);
    expect([CONTROL_FRAME, WORDS_FRAME].map((frame) => core.pageTypeCount(a.frames[frame]!))).toEqual([0, 0]);
    expect(core.freePages()).toBe(free);
    fifo(1);
    core.destroyEvents(1);
    expect(core.pageTypeCount(a.frames[WORDS_FRAME]!)).toBe(0);
    expect(core.freePages()).toBe(free);
  });

  it("has at most 128 pages of words", () => {
    fifo();
    for (let page = 1; page < 128; page++) expect(a.expandArray(WORDS_FRAME)).toBe(0);
    expect(a.expandArray(WORDS_FRAME)).toBe(ENOSPC);
    expect(core.pageTypeCount(a.frames[WORDS_FRAME]!)).toBe(128);
  });

  it("carries over what was pending, when the words come", () => {
    const port = a.bindIpi();
    a.send(port);
    const late = a.bindIpi();
    a.acknowledge();
    expect(a.initControl(CONTROL_FRAME)).toBe(0);
    a.send(late);
    expect([core.portPending(1, port), a.upcall()]).toEqual([0, 0]);
    expect(a.expandArray(WORDS_FRAME)).toBe(0);
    expect(a.upcall()).toBe(1);
    expect(a.consume()).toEqual([port, late]);
  });

  it("ends polls for ports that were pending before they had words, as for any later", () => {
    const [early, late] = [a.bindIpi(), a.bindIpi()];
    expect(a.initControl(CONTROL_FRAME)).toBe(0);
    a.send(early);
    core.waitForPort(1, 2, early);
    core.waitForPort(1, 3, late);
    expect(a.expandArray(WORDS_FRAME)).toBe(0);
    expect([2, 3].map((vcpu) => core.isWaiting(1, vcpu))).toEqual([0, 1]);
    a.setEventWord(late, 1 << EVTCHN_FIFO_MASKED);
    a.send(late);
    expect(core.isWaiting(1, 3)).toBe(0);
  });

  it("goes beyond 4096 ports", () => {
    fifo();
    for (let page = 1; page < 5; page++) expect(a.expandArray(WORDS_FRAME + page)).toBe(0);
    for (let port = 1; port <= 4500; port++) expect(a.bindIpi()).toBe(port);
    a.send(4500);
    expect(a.consume()).toEqual([4500]);
    expect(a.reset()).toBe(0);
    expect(core.usesFifo(1)).toBe(0);
  });
});

describe("queues", () => {
  it("keep the order of sending, by priority", () => {
    fifo();
    const ports = Array.from({ length: 6 }, () => a.bindIpi());
    expect(a.setPriority(ports[4]!, 0)).toBe(0);
    expect(a.setPriority(ports[0]!, 15)).toBe(0);
    expect(a.setPriority(ports[0]!, 16)).toBe(EINVAL);
    for (const port of ports) a.send(port);
    for (const port of ports) a.send(port);
    expect(a.ready()).toBe((1 << 0) | (1 << 7) | (1 << 15));
    expect(core.kicks(1, 0)).toBe(1);
    expect(a.consume()).toEqual([5, 2, 3, 4, 6, 1]);
    expect(a.consume()).toEqual([]);
    a.send(ports[2]!);
    expect(a.consume()).toEqual([3]);
  });

  it("mask and unmask", () => {
    fifo();
    const port = a.bindIpi();
    a.setEventWord(port, 1 << EVTCHN_FIFO_MASKED);
    a.send(port);
    expect(fifoLinked(a.eventWord(port))).toBe(false);
    expect(core.portPending(1, port)).toBe(1);
    expect(a.unmask(port)).toBe(0);
    expect(a.consume()).toEqual([port]);
  });

  it("follow a port to another vCPU and priority", () => {
    fifo(2);
    const [one, two] = [a.allocUnbound(SELF, 2), a.allocUnbound(SELF, 2)];
    const [r1, r2] = [b.bindInterdomain(1, one), b.bindInterdomain(1, two)];
    b.send(r1);
    b.send(r2);
    // The event is already linked into a queue, so it stays there this time.
    a.bindVcpu(two, 1);
    b.send(r2);
    expect(a.ready(1)).toBe(0);
    expect(a.consume(0)).toEqual([one, two]);
    b.send(r2);
    b.send(r1);
    expect(a.consume(1)).toEqual([two]);
    expect(a.consume(0)).toEqual([one]);
    a.setPriority(two, 2);
    b.send(r2);
    expect(a.ready(1)).toBe(1 << 2);
    expect(a.consume(1)).toEqual([two]);
  });

  it("a vCPU without a control block hears nothing, others do", () => {
    fifo();
    const [first, third] = [a.bindIpi(0), a.bindIpi(3)];
    a.send(third);
    expect([core.portPending(1, third), core.kicks(1, 3)]).toEqual([1, 0]);
    a.send(first);
    expect(a.consume(0)).toEqual([first]);
  });
});

describe("hostile guests", () => {
  it("link words and control blocks full of rubbish do no harm", () => {
    fifo(2);
    const next = random(99);
    const ports = Array.from({ length: 40 }, (_, i) => a.bindIpi(i & 1));
    for (let i = 0; i < 20_000; i++) {
      const page = next(2) ? a.address(CONTROL_FRAME) + next(64) * 4 : a.wordAddress(next(64));
      host.set32(page, next(3) ? next(0xffffffff) : (next(16) << 28) | next(60));
      const port = ports[next(ports.length)]!;
      if (next(4) === 0) a.setPriority(port, next(17));
      else if (next(8) === 0) a.unmask(port);
      else a.send(port);
    }
    expect(core.checkEventChannels(), host.log()).toBe(0);
    // From here on the guest is honest again, and it hears every event.
    a.reset();
    host.bytes.fill(0, a.address(CONTROL_FRAME), a.address(CONTROL_FRAME) + 4096);
    host.bytes.fill(0, a.address(WORDS_FRAME), a.address(WORDS_FRAME) + 4096);
    a.wordPages.length = 0;
    a.acknowledge();
    fifo();
    const port = a.bindIpi();
    a.send(port);
    expect(a.consume()).toEqual([port]);
  });
});
