/** The host itself: power, size, boot menu, its memory and its log. */
import { z } from "zod";
import type { FrameMap, HostInfo, PcpuSwitches, SchedulerParameters } from "../../toolstack/messages.ts";
import type { BootReport, HostState, XenLogLine } from "../host-state.ts";
import { HOST_MEMORY_MIB, MOST_PCPUS } from "../limits.ts";
import { takes } from "./request.ts";
import { nothing } from "./values.ts";

export const HOST_REQUESTS = {
  hostState: takes(nothing).gives<HostState>(),
  /** What is left out stays as it was. */
  hostPowerOn: takes(
    z.strictObject({
      memoryMiB: z.int().min(HOST_MEMORY_MIB.least).max(HOST_MEMORY_MIB.most).optional(),
      pcpus: z.int().min(1).max(MOST_PCPUS).optional(),
      /** An index in HostState.bootEntries. */
      bootEntry: z.int().min(0).optional(),
    }),
  ).gives<HostState>(),
  /** Gives guests `graceMilliseconds` to power off; then the plug is pulled. */
  hostPowerOff: takes(z.strictObject({ graceMilliseconds: z.int().min(0).max(120_000).optional() })).gives<null>(),
  /** Powers off as above, then on with the same memory, pCPUs and boot entry. */
  hostReboot: takes(z.strictObject({ graceMilliseconds: z.int().min(0).max(120_000).optional() })).gives<HostState>(),
  hostInfo: takes(nothing).gives<HostInfo>(),
  dmesg: takes(z.strictObject({ clear: z.boolean().optional() })).gives<string>(),
  checkInvariants: takes(nothing).gives<number>(),
  /** Makes Xen print reports on its console; each character asks for one. */
  debugKeys: takes(
    z.strictObject({ keys: z.string().regex(/^[\x21-\x7e]{1,64}$/, "must be 1 to 64 printable characters") }),
  ).gives<null>(),
  schedulerParameters: takes(nothing).gives<SchedulerParameters>(),
  /** Changes an entry of the boot menu, or adds one after the last, for the next power-on. */
  setBootEntry: takes(
    z.strictObject({
      entry: z.int().min(0).max(31),
      title: z.string().max(128),
      cmdline: z.string().max(4096),
    }),
  ).gives<HostState>(),
  removeBootEntry: takes(z.strictObject({ entry: z.int().min(0).max(31) })).gives<HostState>(),
  /** Sets the host's memory and number of pCPUs from its next power-on on, and keeps them. */
  setHostSize: takes(
    z.strictObject({
      memoryMiB: z.int().min(HOST_MEMORY_MIB.least).max(HOST_MEMORY_MIB.most),
      pcpus: z.int().min(1).max(MOST_PCPUS),
    }),
  ).gives<HostState>(),
  /** How the host came up. */
  bootReport: takes(nothing).gives<BootReport>(),
  /** What every machine frame is used for now. */
  frameMap: takes(nothing).gives<FrameMap>(),
  /** Which vCPU came onto which pCPU, and when, since the given time in nanoseconds since power-on. */
  switches: takes(
    z.strictObject({
      since: z
        .number()
        .min(0)
        .max(2 ** 53),
    }),
  ).gives<{ time: number; pcpus: PcpuSwitches[] }>(),
  /**
   * The Xen log so far; from then on `xenLog` events carry what follows. Its answer: The log since power-on, or its last 8192 lines and 512 Ki
   * characters if it is longer.
   */
  xenLogAttach: takes(nothing).gives<{ lines: XenLogLine[]; lost: number }>(),
  xenLogDetach: takes(nothing).gives<null>(),
};
