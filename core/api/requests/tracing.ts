/** Hypercalls of domains as they are made. */
import { z } from "zod";
import { takes } from "./request.ts";
import { domid } from "./values.ts";

export const TRACING_REQUESTS = {
  /**
   * From then on the domain's hypercalls come as `trace` events, at most five times a second, until it is stopped. Calls that come too fast are
   * counted and left out. Its answer: As in the `trace` event.
   */
  traceStart: takes(z.strictObject({ domid })).gives<{ time: number; calls: number[] }>(),
  traceStop: takes(z.strictObject({ domid })).gives<null>(),
};
