/** A native domain beside dom0: what it may do, how it is paused, ended and destroyed, and what its thread's end means. */
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import * as domctl from "../../../core/abi/domctl.ts";
import { ESRCH } from "../../../core/abi/errno.ts";
import { EVTCHNOP_alloc_unbound, EVTCHNOP_close } from "../../../core/abi/event_channel.ts";
import { GNTST_okay } from "../../../core/abi/grant_table.ts";
import {
  MEMORY_RESERVATION_DOMID,
  MEMORY_RESERVATION_EXTENT_START,
  MEMORY_RESERVATION_NR_EXTENTS,
  XENMEM_decrease_reservation,
  XENMEM_increase_reservation,
  XENMEM_populate_physmap,
} from "../../../core/abi/memory.ts";
import { SHUTDOWN_crash } from "../../../core/abi/sched.ts";
import { XEN_SYSCTL_physinfo, XEN_SYSCTL_readconsole } from "../../../core/abi/sysctl.ts";
import {
  HYPERVISOR_arch_7,
  HYPERVISOR_event_channel_op,
  HYPERVISOR_memory_op,
  HYPERVISOR_platform_op,
  HYPERVISOR_xen_version,
} from "../../../core/abi/xen.ts";
import { Hypercalls, SCRATCH_FRAMES, type NativeExports } from "../../../core/dom0/kernel/hypercalls.ts";
import { ForeignFrames, ownFrames, setOwnFrames, threadEnded } from "../../../core/dom0/kernel/native.ts";
import * as native from "../../../core/hypervisor/abi/native.ts";
import { startClock } from "../../../core/machine/clock.ts";
import * as layout from "../../../core/machine/layout.ts";
import { attachDom0, compileCore, Machine, refusal, type Dom0 } from "./machine.ts";

const UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const FRAMES_ORDER = 8;
/** From domain/domain.ts: THREAD_*, and how far Vcpu.attached is behind Vcpu.eventWord. */
const [THREAD_NONE, THREAD_OUTSIDE, THREAD_ENTERING, THREAD_INSIDE] = [0, 1, 2, 3];
const ATTACHED = 4;

let module: WebAssembly.Module;
let machine: Machine;
let dom0: Dom0;
const threads: Worker[] = [];

beforeAll(async () => {
  module = await compileCore();
  machine = new Machine(module);
  await machine.stage(layout.BOOT_STAGE_DOM0_BUILT);
  dom0 = attachDom0(machine);
});
afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.terminate();
});
afterAll(async () => {
  await machine.off();
  expect(machine.errors).toEqual([]);
});

/** Makes a native domain of 2^FRAMES_ORDER frames, paused, and returns its domid and first frame. */
function create(): { domid: number; first: number } {
  const { domains, frames } = dom0.calls;
  const domid = domains.create(UUID, 1, undefined, { type: "native" });
  domains.setMaxVcpus(domid, 1);
  domains.setMaxMemory(domid, (4 << FRAMES_ORDER) + 64);
  const first = frames.populateExtent(domid, 0, FRAMES_ORDER)!;
  setOwnFrames(dom0.calls, domid, first, 1 << FRAMES_ORDER);
  return { domid, first };
}

/** Starts its thread, which makes hypercalls as fast as it can; `made` returns how many rounds of them it has made. */
async function start({
  domid,
  first,
}: {
  domid: number;
  first: number;
}): Promise<{ made: () => number; thread: Worker }> {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  shared[1] = 1;
  const numbers = {
    eventChannelOp: HYPERVISOR_event_channel_op,
    memoryOp: HYPERVISOR_memory_op,
    allocUnbound: EVTCHNOP_alloc_unbound,
    close: EVTCHNOP_close,
    increase: XENMEM_increase_reservation,
    decrease: XENMEM_decrease_reservation,
  };
  const workerData = {
    memory: machine.memory,
    module,
    clockBase: machine.base,
    domid,
    shared,
    frame: first * 4096,
    numbers,
  };
  const thread = new Worker(new URL("native-thread.mjs", import.meta.url), { workerData });
  thread.on("error", (error) => machine.errors.push(error));
  threads.push(thread);
  await expect.poll(() => shared[1]).toBe(0);
  return { made: () => Atomics.load(shared, 0), thread };
}

/** Makes this thread the domain's, with an instance that calls `onWait` in place of waiting, and `onNow` when it asks for the time. */
function attachHere(
  domid: number,
  onWait: () => void,
  onNow: () => void,
): { core: NativeExports; state: () => number } {
  const clock = startClock(machine.base);
  const now = (): number => {
    onNow();
    return clock();
  };
  const env = { memory: machine.memory, now, wait: onWait, adopt: () => false, trap: () => expect.unreachable() };
  const core = new WebAssembly.Instance(module, { env }).exports as unknown as NativeExports & { _start(): void };
  core._start();
  expect(core.native_attach(domid, 0)).toBe(0);
  const word = (core.native_event_word() + ATTACHED) >>> 2;
  return { core, state: () => Atomics.load(machine.words, word) };
}

/** Waits until it makes no more rounds, and returns how many it has made. */
async function still(made: () => number): Promise<number> {
  let last = -1;
  await expect.poll(() => last === (last = made()), { interval: 50 }).toBe(true);
  return last;
}

describe("a native domain", () => {
  it("has crashed when its thread ends of itself, and leaves nothing behind", async () => {
    // The first memory call of a thread takes a scratch page for good. No other domain of this host is in the way of the count.
    dom0.calls.frames.populatePhysmap(0, 0, 1, new Float64Array(1));
    const free = dom0.calls.host.physicalInfo().freePages;
    const made = create();
    const running = await start(made);
    dom0.calls.domains.unpause(made.domid);
    await expect.poll(running.made, { interval: 1 }).toBeGreaterThan(100);
    // A thread is ended outside of the hypervisor only.
    dom0.calls.domains.pause(made.domid);
    await running.thread.terminate();
    dom0.calls.domains.unpause(made.domid);
    threadEnded(dom0.calls, made.domid, false);
    const { flags } = dom0.calls.domains.info(made.domid)!;
    expect(flags & domctl.XEN_DOMINF_shutdown).toBeTruthy();
    expect((flags >>> domctl.XEN_DOMINF_shutdownshift) & 0xff).toBe(SHUTDOWN_crash);
    expect(dom0.core.check_invariants()).toBe(0);
    dom0.calls.domains.destroy(made.domid);
    await expect.poll(() => dom0.calls.host.physicalInfo().freePages).toBe(free);
    expect(dom0.core.check_invariants()).toBe(0);
  });

  it("has the memory that it was given, and the rights of an ordinary domain", () => {
    const other = dom0.calls.domains.create(UUID, 1);
    dom0.calls.domains.setMaxMemory(other, 64);
    const mfns = new Float64Array(4);
    expect(dom0.calls.frames.populatePhysmap(other, 0, 4, mfns)).toBe(4);
    const { domid, first } = create();
    const core = machine.instance();
    expect(core.native_attach(domid, 0)).toBe(0);
    expect(machine.instance().native_attach(domid, 0)).toBe(-16);
    dom0.calls.domains.unpause(domid);
    const own = ownFrames(core);
    expect(own).toEqual({ first, count: 1 << FRAMES_ORDER, startInfo: first * 4096 });
    const calls = new Hypercalls(core, machine.physical, (first + 1) * 4096);
    expect(SCRATCH_FRAMES).toBeLessThan((1 << FRAMES_ORDER) - 1);
    // Its own ports and frames are its own business.
    calls.ports.close(calls.ports.allocUnbound(0x7ff0, 0));
    const frames = new ForeignFrames(calls);
    expect(frames.with(domid, first + 2, (address) => address)).toBe((first + 2) * 4096);

    // Nothing that only a control domain may do: every domctl and sysctl there is, whomever it names.
    for (const whom of [0, other, domid])
      for (let command = 1; command < 90; command++)
        expect(
          refusal(() => calls.domctl("probe", command, whom)),
          `domctl ${command} of ${whom}`,
        ).toMatch(/^EPERM$/);
    for (const command of [XEN_SYSCTL_readconsole, XEN_SYSCTL_physinfo])
      expect(refusal(() => calls.sysctl("probe", command))).toBe("EPERM");
    expect(refusal(() => calls.call("platform_op", HYPERVISOR_platform_op, first * 4096))).toBe("EPERM");
    for (const operation of [3, 4, 5, 6, 7, 8, 9, native.NATIVE_set_frames, native.NATIVE_thread_ended])
      expect(
        refusal(() => calls.call("native", HYPERVISOR_arch_7, operation, domid, 0)),
        `${operation}`,
      ).toBe("EPERM");

    // No frame of another's, neither by holding it nor as a pointer nor by giving it more or taking some of it.
    for (const [whom, frame] of [
      [other, mfns[0]!],
      [0, dom0.frames.allocate(1)],
    ] as const) {
      for (const access of ["read", "write"] as const)
        expect(refusal(() => frames.hold(whom, frame, access))).toBe("EPERM");
      // A frame that is not the caller's is none of its own either.
      expect(refusal(() => frames.hold(domid, frame, "read"))).toBe("EINVAL");
      expect(core.native_hypercall(17, 4n, BigInt(frame * 4096), 0n, 0n, 0n)).toBe(-14n);
      const struct = calls.scratch(4096);
      machine.physical.set64(struct + 512, frame);
      machine.physical.set64(struct + MEMORY_RESERVATION_EXTENT_START, struct + 512);
      machine.physical.set64(struct + MEMORY_RESERVATION_NR_EXTENTS, 1);
      machine.physical.set16(struct + MEMORY_RESERVATION_DOMID, whom);
      for (const operation of [XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap])
        expect(refusal(() => calls.call("memory", HYPERVISOR_memory_op, operation, struct))).toBe("EPERM");
    }
    // A grant is the one way, and nobody has granted it anything.
    for (const whom of [0, other])
      for (const ref of [0, 1, 8, 511]) expect(calls.grants.map(whom, [ref], false)[0]!.status).not.toBe(GNTST_okay);
    expect(dom0.core.check_invariants()).toBe(0);

    expect(refusal(() => dom0.calls.domains.destroy(domid))).toBe("EBUSY");
    threadEnded(dom0.calls, domid, true);
    dom0.calls.domains.destroy(domid);
    dom0.calls.domains.destroy(other);
    expect(dom0.calls.domains.info(domid)).toBeNull();
    expect(dom0.core.check_invariants()).toBe(0);
  });

  it("is made for one vCPU and with nothing that guests have", () => {
    const { domains } = dom0.calls;
    expect(refusal(() => domains.create(UUID, 2, undefined, { type: "native" }))).toBe("EINVAL");
    expect(refusal(() => domains.create(UUID, 1, undefined, { type: "native", msrRelaxed: true }))).toBe("EINVAL");
    const { domid, first } = create();
    expect(refusal(() => dom0.calls.vcpus.getContext(domid, 0))).toBe("EINVAL");
    expect(refusal(() => dom0.calls.vcpus.setContext(domid, 0, new Uint8Array(5168)))).toBe("EINVAL");
    expect(refusal(() => domains.initHypercallPage(domid, first))).toBe("EINVAL");
    expect(refusal(() => setOwnFrames(dom0.calls, 0, first, 1))).toBe("EINVAL");
    expect(refusal(() => setOwnFrames(dom0.calls, domid, first, 0))).toBe("EINVAL");
    expect(refusal(() => setOwnFrames(dom0.calls, domid, first, 0xffffffff))).toBe("EINVAL");
    expect(refusal(() => threadEnded(dom0.calls, domid, true))).toBe("EINVAL");
    expect(refusal(() => threadEnded(dom0.calls, 0, true))).toBe("EINVAL");
    domains.destroy(domid);
    expect(domains.info(domid)).toBeNull();
  });

  it("stands still while it is paused, and is nowhere in the hypervisor then", async () => {
    const made = create();
    const running = await start(made);
    // It was created paused.
    expect(await still(running.made)).toBe(0);
    for (let round = 0; round < 20; round++) {
      const before = running.made();
      dom0.calls.domains.unpause(made.domid);
      await expect.poll(running.made, { interval: 1 }).toBeGreaterThan(before + 100);
      dom0.calls.domains.pause(made.domid);
      await still(running.made);
    }
    dom0.calls.domains.unpause(made.domid);
    // The books are right whenever they are looked at, although it changes them all the time.
    const before = running.made();
    for (let round = 0; round < 50; round++) expect(dom0.core.check_invariants()).toBe(0);
    await expect.poll(running.made).toBeGreaterThan(before);
    dom0.calls.domains.pause(made.domid);
    await running.thread.terminate();
    threadEnded(dom0.calls, made.domid, true);
    dom0.calls.domains.destroy(made.domid);
    expect(dom0.calls.domains.info(made.domid)).toBeNull();
  });

  it("is inside of the hypervisor only when it has been let in", () => {
    const { domid } = create();
    const seen: [string, number][] = [];
    const { core, state } = attachHere(
      domid,
      () => {
        seen.push(["waits", state()]);
        dom0.calls.domains.unpause(domid);
      },
      () => seen.push(["runs", state()]),
    );
    expect(state()).toBe(THREAD_OUTSIDE);
    // It was created paused.
    expect(core.native_hypercall(HYPERVISOR_xen_version, 0n, 0n, 0n, 0n, 0n)).toBeGreaterThan(0n);
    expect(seen[0]).toEqual(["waits", THREAD_OUTSIDE]);
    expect(seen.slice(1).length).toBeGreaterThan(0);
    for (const each of seen.slice(1)) expect(each).toEqual(["runs", THREAD_INSIDE]);
    expect(state()).toBe(THREAD_OUTSIDE);
    threadEnded(dom0.calls, domid, true);
    expect(state()).toBe(THREAD_NONE);
    dom0.calls.domains.destroy(domid);
  });

  it("gets no thread any more when it is being destroyed", () => {
    const { domid, first } = create();
    // It stays as a zombie as long as somebody holds memory of it.
    const frames = new ForeignFrames(dom0.calls);
    const held = frames.hold(domid, first, "read");
    dom0.calls.domains.destroy(domid);
    expect(dom0.calls.domains.info(domid)!.flags & domctl.XEN_DOMINF_dying).toBeTruthy();
    expect(machine.instance().native_attach(domid, 0)).toBe(-ESRCH);
    expect(refusal(() => threadEnded(dom0.calls, domid, false))).toBe("EINVAL");
    expect(machine.instance().native_attach(domid, 0)).toBe(-ESRCH);
    frames.release(held);
    expect(dom0.calls.domains.info(domid)).toBeNull();
  });

  it("has crashed alone when its thread ended while it looked whether it may enter, and is paused without waiting for it", () => {
    for (const pausedBefore of [0, 1, 2]) {
      const { domid } = create();
      const { core } = attachHere(domid, expect.unreachable, () => {});
      // As it is when the thread was ended there.
      Atomics.store(machine.words, (core.native_event_word() + ATTACHED) >>> 2, THREAD_ENTERING);
      for (let i = 0; i < pausedBefore; i++) dom0.calls.domains.pause(domid);
      threadEnded(dom0.calls, domid, false);
      expect(Atomics.load(machine.words, layout.BOOT_POWER >> 2)).toBe(layout.POWER_ON);
      const { flags } = dom0.calls.domains.info(domid)!;
      expect((flags >>> domctl.XEN_DOMINF_shutdownshift) & 0xff).toBe(SHUTDOWN_crash);
      expect(machine.serial()).not.toContain("ended inside the hypervisor");
      dom0.calls.domains.destroy(domid);
    }
    expect(dom0.core.check_invariants()).toBe(0);
  });
});
