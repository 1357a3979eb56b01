/** Carries out requests about traces of hypercalls. */
import type { HandlersOf } from "../requests/request.ts";
import type { TRACING_REQUESTS } from "../requests/tracing.ts";
import { SessionTraces } from "../traces.ts";
import type { SessionContext } from "./context.ts";

export function tracingHandlers(session: SessionContext): HandlersOf<typeof TRACING_REQUESTS> {
  const traces = new SessionTraces(
    (data) => session.send("trace", data),
    () => session.isBehind,
  );
  session.onPowerOn(() => traces.end());
  session.onEnd(() => traces.end());
  return {
    traceStart: ({ domid }) => traces.start(session.host.tracer, domid),
    traceStop: ({ domid }) => traces.stop(domid),
  };
}
