/** Debug keys (`xl debug-keys`), which print reports on the Xen console. */
import { LOG_DEFAULT } from "../abi/log";
import {
  endLogEverything,
  log,
  logBegin,
  logByte,
  logDec,
  logEnd,
  logHex,
  logText,
  logVcpu,
  startLogEverything,
} from "../console/console";
import { Domain, Vcpu, domainList, vcpuOf } from "../domain/domain";
import { DomainMemory } from "../memory/domain_memory";
import { xenheapPages } from "../memory/allocator";
import { freePages } from "../memory/buddy";
import { totalFrames } from "../memory/frames";
import { Pcpu, pcpuAt, pcpuCount } from "../sched/pcpu";
import { systemTime } from "../sched/clock";

const KEY_h: u32 = 104;
const KEY_m: u32 = 109;
const KEY_q: u32 = 113;
const KEY_r: u32 = 114;

/** What is asked for is printed, whatever the log thresholds are. */
export function debugKey(key: u32): void {
  startLogEverything();
  handleKey(key);
  endLogEverything();
}

function handleKey(key: u32): void {
  logBegin(LOG_DEFAULT);
  logText("'");
  logByte(key);
  logText("' pressed -> ");
  switch (key) {
    case KEY_h:
      logText("showing installed handlers");
      logEnd();
      log(LOG_DEFAULT, " key 'h' (ascii '68') => show this message");
      log(LOG_DEFAULT, " key 'm' (ascii '6d') => memory info");
      log(LOG_DEFAULT, " key 'q' (ascii '71') => dump domain (and guest debug) info");
      log(LOG_DEFAULT, " key 'r' (ascii '72') => dump run queues");
      return;
    case KEY_m:
      logText("memory info");
      logEnd();
      memoryInfo();
      return;
    case KEY_q:
      logText("dumping domain info (now = ");
      logDec(systemTime());
      logText(")");
      logEnd();
      domains();
      return;
    case KEY_r:
      logText("dumping run queues");
      logEnd();
      runQueues();
      return;
    default:
      logText("no handler");
      logEnd();
  }
}

function memoryInfo(): void {
  logBegin(LOG_DEFAULT);
  logText("Physical memory: ");
  logDec(totalFrames());
  logText(" frames, free ");
  logDec(freePages());
  logText(", Xen heap ");
  logDec(xenheapPages());
  logEnd();
}

function domains(): void {
  for (let each = domainList(); each; each = changetype<Domain>(each).next) {
    const d = changetype<Domain>(each);
    const m = changetype<DomainMemory>(d.memory);
    logBegin(LOG_DEFAULT);
    logText("General information for domain ");
    logDec(d.domid);
    logText(":  dying=");
    logDec(d.dying);
    logText(" pause_count=");
    logDec(d.pauseCount);
    logText(" nr_pages=");
    logDec(m.totPages);
    logText(" xenheap_pages=");
    logDec(m.xenheapPages);
    logText(" max_pages=");
    logDec(m.maxPages);
    logEnd();
    for (let i: u32 = 0; i < d.maxVcpus; i++) {
      const v = vcpuOf(d, i);
      if (v) vcpuLine(v);
    }
  }
}

function vcpuLine(v: Vcpu): void {
  logBegin(LOG_DEFAULT);
  logText("    ");
  logVcpu(v.domid, v.vcpuId);
  logText(": CPU");
  logDec(v.processor);
  logText(v.isRunning ? " [has=T]" : " [has=F]");
  logText(" runstate=");
  logDec(v.runstate);
  logText(" pause_count=");
  logDec(v.pauseCount);
  logText(" pause_flags=");
  logHex(v.pauseFlags);
  logText(" credit=");
  const credit = v.credit;
  if (credit < 0) logText("-");
  logDec(credit < 0 ? <u64>-credit : <u64>credit);
  logEnd();
}

function runQueues(): void {
  for (let id: u32 = 0; id < pcpuCount(); id++) {
    const p: Pcpu = pcpuAt(id);
    logBegin(LOG_DEFAULT);
    logText("CPU[");
    logDec(id);
    logText("] nr_run=");
    logDec(p.queueLength);
    logText(p.current ? " busy" : " idle");
    logText(" switches=");
    logDec(p.switches);
    logEnd();
    const current = p.current;
    if (current) vcpuLine(changetype<Vcpu>(current));
  }
}
