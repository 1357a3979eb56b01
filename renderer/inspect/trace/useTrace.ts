/** The trace of a domain while it is shown. The host records only then. */
import { useEffect, useState, useSyncExternalStore } from "react";
import { useLive } from "../../state/live.ts";
import { onTrace, request, sentence } from "../../state/session.ts";
import { useApp } from "../../state/store.ts";
import { Trace } from "./trace.ts";
import { say } from "../../state/messages.ts";

/** After this many ticks of the figures (one per second) without an event, the rates are 0. */
const QUIET_TICKS = 2;

export function useTrace(domid: number, running: boolean): Trace {
  const live = useLive();
  const [trace] = useState(() => new Trace());
  useSyncExternalStore(trace.subscribe, () => trace.version);
  useEffect(() => {
    if (!live || !running) return;
    let quiet = 0;
    const deaf = onTrace((event) => {
      if (event.domid !== domid) return;
      quiet = 0;
      trace.take(event);
    });
    const deafToTicks = useApp.subscribe(({ tick }, before) => {
      if (tick !== before.tick && ++quiet > QUIET_TICKS) trace.idle();
    });
    let current = true;
    request("traceStart", { domid }).then(
      (counts) => current && trace.began(counts),
      (error: unknown) => say("error", sentence(error)),
    );
    return () => {
      current = false;
      deaf();
      deafToTicks();
      trace.pause();
      void request("traceStop", { domid }).catch(() => {});
    };
  }, [domid, live, running, trace]);
  return trace;
}
