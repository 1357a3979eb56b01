/** The kernel of the native domain: binds this thread to the domain's vCPU and sets up what everything else is based on. */
import { startClock } from "../../machine/clock.ts";
import { instantiateCore, type MachineParts } from "../../machine/core-instance.ts";
import { START_INFO_SHARED_INFO } from "../../abi/xen.ts";
import { HypercallError } from "./errno.ts";
import { EventChannels } from "./events.ts";
import { GrantMap } from "./grants.ts";
import { Hypercalls, SCRATCH_FRAMES, type NativeExports } from "./hypercalls.ts";
import { FrameAllocator, PAGE_SHIFT, PAGE_SIZE, PhysicalMemory } from "./memory.ts";
import { ForeignFrames, ownFrames } from "./native.ts";

export interface NativeKernel {
  /** The domain's own domid. */
  domid: number;
  /** Machine address of its start_info. */
  startInfo: number;
  memory: PhysicalMemory;
  frames: FrameAllocator;
  hypercalls: Hypercalls;
  events: EventChannels;
  grants: GrantMap;
  foreign: ForeignFrames;
  /** Returns the nanoseconds since the host's power-on. */
  now: () => number;
  /** Begins to deliver events. Resolves after events.stop(). */
  run: () => Promise<void>;
}

/**
 * `onError` hears of handlers of event channels that throw; if it is not given, that is written to the host's console. Throws HypercallError when the
 * hypervisor has no such domain waiting for its thread.
 */
export function startKernel(
  machine: MachineParts,
  domid = 0,
  onError?: (port: number, error: unknown) => void,
): NativeKernel {
  const exports = instantiateCore(machine) as unknown as NativeExports;
  const attached = exports.native_attach(domid, 0);
  if (attached < 0) throw new HypercallError(`attaching to domain ${domid}`, -attached);
  const memory = new PhysicalMemory(machine.memory);
  const own = ownFrames(exports);
  const sharedInfo = Number(memory.get64(own.startInfo + START_INFO_SHARED_INFO));
  const frames = new FrameAllocator(own.first, own.count, [own.startInfo >>> PAGE_SHIFT, sharedInfo >>> PAGE_SHIFT]);
  const scratch = frames.allocate(SCRATCH_FRAMES) * PAGE_SIZE;
  const hypercalls = new Hypercalls(exports, memory, scratch);
  const tellHost = (port: number, error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    hypercalls.host.writeConsole(`dom0: handler of event channel ${port}: ${text}\n`);
  };
  const events = new EventChannels(hypercalls, sharedInfo, onError ?? tellHost);
  return {
    domid,
    startInfo: own.startInfo,
    memory,
    frames,
    hypercalls,
    events,
    grants: new GrantMap(hypercalls),
    foreign: new ForeignFrames(hypercalls),
    now: startClock(machine.clockBase),
    run: () => events.run(exports.native_event_word()),
  };
}
