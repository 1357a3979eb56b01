/**
 * Chrome's trace event format, JSON array form, as chrome://tracing and Perfetto open it: a complete event ("ph":"X") for each hypercall and
 * access, pid the domain, tid the vCPU, times in microseconds since the host's power-on.
 */
import type { TraceCall } from "./calls.ts";

export interface ChromeEvent {
  name: string;
  cat: string;
  ph: "X" | "i" | "M";
  pid: number;
  tid: number;
  ts?: number;
  dur?: number;
  /** The scope of an instant: t is that of the thread. */
  s?: "t";
  args: Record<string, string | number | boolean>;
}

/** Gives the viewer the domain's name. */
export function processName(domid: number, name: string): ChromeEvent {
  return {
    name: "process_name",
    cat: "__metadata",
    ph: "M",
    pid: domid,
    tid: 0,
    args: { name: `${name} (d${domid})` },
  };
}
export function threadName(domid: number, vcpu: number): ChromeEvent {
  return { name: "thread_name", cat: "__metadata", ph: "M", pid: domid, tid: vcpu, args: { name: `vCPU ${vcpu}` } };
}

/** Returns the call, preceded by an instant for what was lost. */
export function chromeEvents(call: TraceCall): ChromeEvent[] {
  const { domid: pid, vcpu: tid } = call;
  const event: ChromeEvent = {
    name: call.operation ?? call.name,
    cat: call.name,
    ph: "X",
    pid,
    tid,
    ts: call.time / 1000,
    dur: call.duration / 1000,
    args: {
      [call.access ? "access" : "hypercall"]: call.name,
      ...Object.fromEntries(call.parameters),
      ...(call.result !== "" && { result: call.result }),
      ...(call.continued && { continued: true }),
      ...(call.member && { multicall: true }),
      ...(call.rip !== null && { rip: `0x${call.rip.toString(16)}` }),
    },
  };
  return call.lost > 0 ? [lostEvent(pid, tid, call.time, call.lost), event] : [event];
}

export function lostEvent(pid: number, tid: number, time: number, lost: number): ChromeEvent {
  const name = `${lost} hypercalls or accesses not recorded`;
  return { name, cat: "lost", ph: "i", s: "t", pid, tid, ts: time / 1000, args: { lost } };
}
