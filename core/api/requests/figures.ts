/** Present figures, and those of the last day. */
import { z } from "zod";
import type { DomainCounts, StatisticsSnapshot } from "../../toolstack/messages.ts";
import type { HistoryEvent } from "../history/files.ts";
import type { LiveDump } from "../history/live.ts";
import type { HistoryReport } from "../history/recorder.ts";
import { takes } from "./request.ts";
import { domid, nothing } from "./values.ts";

export const FIGURE_REQUESTS = {
  statistics: takes(nothing).gives<StatisticsSnapshot>(),
  /** What a domain has asked of the hypervisor since it was created: hypercalls and accesses by number (CALLS of core/api/trace/names.ts), exits, page faults, times. */
  domainCounts: takes(z.strictObject({ domid })).gives<DomainCounts>(),
  /** From then on `statistics` events come, as often as asked for but no faster than every 100 ms. 0 ends them. */
  statisticsEvery: takes(
    z.strictObject({ milliseconds: z.union([z.literal(0), z.int().min(100).max(60_000)]) }),
  ).gives<null>(),
  /** The last ten minutes of the figures. From then on `statistics` events come once a second, the same for all who follow. */
  liveAttach: takes(nothing).gives<LiveDump>(),
  /** A day of figures, a point a minute, of a domain by its UUID, or of the host. Its answer: null where nothing is known. */
  history: takes(
    z.strictObject({
      of: z.string().regex(/^(host|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12})$/, 'must be "host" or a UUID'),
    }),
  ).gives<HistoryReport | null>(),
  /** What happened in the last day, as graphs mark it. From then on `mark` events report more. */
  marks: takes(nothing).gives<HistoryEvent[]>(),
};
