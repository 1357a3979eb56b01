/** dom0 on the fake hypervisor, with the kinds of devices that a test wants. */
import { EventChannels } from "../../../core/dom0/kernel/events.ts";
import { GrantMap } from "../../../core/dom0/kernel/grants.ts";
import { Hypercalls, SCRATCH_FRAMES } from "../../../core/dom0/kernel/hypercalls.ts";
import { FrameAllocator, PhysicalMemory } from "../../../core/dom0/kernel/memory.ts";
import { ForeignFrames, ownFrames } from "../../../core/dom0/kernel/native.ts";
import type { DeviceKind } from "../../../core/dom0/xenbus/kind.ts";
import { assembleDom0, type Dom0 } from "../../../core/toolstack/assemble.ts";
import type { ToolstackEventName } from "../../../core/toolstack/messages.ts";
import { FakeHypervisor } from "../fake-hypervisor.ts";

export interface FakeHost extends Dom0 {
  xen: FakeHypervisor;
  memory: PhysicalMemory;
  hypercalls: Hypercalls;
  events: EventChannels;
  grants: GrantMap;
  heard: { event: ToolstackEventName; data: unknown }[];
}

export interface FakeHostOptions {
  consoleFolder?: string;
  scratchFolder?: string;
  /** Called for handlers of event channels that throw. If it is not given, the test fails. */
  onHandlerError?: (port: number, error: unknown) => void;
}

export function fakeHost(kinds: readonly DeviceKind[], options: FakeHostOptions = {}): FakeHost {
  const { consoleFolder, scratchFolder, onHandlerError } = options;
  const xen = new FakeHypervisor(64);
  const memory = new PhysicalMemory(xen.memory);
  const own = ownFrames(xen);
  const frames = new FrameAllocator(own.first, own.count, [own.first, own.first + 1]);
  const hypercalls = new Hypercalls(xen, memory, frames.allocate(SCRATCH_FRAMES) * 4096);
  const fail = (port: number, error: unknown): never => {
    throw new Error(`port ${port}: ${String(error)}`);
  };
  const events = new EventChannels(hypercalls, xen.dom0SharedInfo, onHandlerError ?? fail);
  void events.run(xen.eventWord);
  const heard: FakeHost["heard"] = [];
  const grants = new GrantMap(hypercalls);
  const foreign = new ForeignFrames(hypercalls);
  const dom0 = assembleDom0({
    kernel: { domid: 0, startInfo: 0, memory, frames, hypercalls, events, grants, foreign, now: () => 0 },
    kinds,
    consoleLogBytes: 4096,
    consoleFolder,
    scratchFolder,
    statistics: null,
    emit: (event, data) => void heard.push({ event, data }),
  });
  return { ...dom0, xen, memory, hypercalls, events, grants, heard };
}
