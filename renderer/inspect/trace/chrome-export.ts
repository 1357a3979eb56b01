/** Writes what is shown as a file that chrome://tracing and Perfetto open. */
import { chromeEvents, lostEvent, processName, threadName, type ChromeEvent } from "../../../core/api/trace/chrome.ts";
import { download } from "../../ui/download.ts";
import { isGap, type Trace } from "./trace.ts";

export function exportTrace(trace: Trace, domid: number, name: string): void {
  const events: ChromeEvent[] = [
    processName(domid, name),
    ...[...trace.vcpus].sort((a, b) => a - b).map((vcpu) => threadName(domid, vcpu)),
  ];
  for (const row of trace.shown) {
    // A gap of one vCPU is reported with the call that follows it.
    if (!isGap(row)) events.push(...chromeEvents(row));
    else if (row.missing !== null && row.vcpu === null) events.push(lostEvent(domid, 0, row.time, row.missing));
  }
  download(
    `${name}-hypercalls.json`,
    "application/json",
    `[\n${events.map((each) => JSON.stringify(each)).join(",\n")}\n]\n`,
  );
}
