/** The boot from power-on to dom0: what pCPU 0 does, and what the others wait for. */
import {
  BOOT_CMDLINE,
  BOOT_CMDLINE_SIZE,
  BOOT_MEMORY_MIB,
  BOOT_PCPUS,
  BOOT_POWER,
  BOOT_STAGE,
  BOOT_STAGE_DOM0_BUILT,
  BOOT_STAGE_HYPERVISOR,
  BOOT_STAGE_MEMORY,
  BOOT_STAGE_PCPUS,
  BOOT_STAGE_SERIAL,
  BOOT_STAGE_TIMES,
  MAX_PCPUS,
  POWER_CRASHED,
  POWER_ON,
  SERIAL_PRODUCER,
  XEN_HEAP_START,
} from "../../machine/layout";
import { hostWait } from "../../machine/cpu/machine";
import {
  STATISTICS_MAGIC,
  STATISTICS_MAGIC_VALUE,
  STATISTICS_PCPUS,
  STATISTICS_PCPU_STRIDE,
  STATISTICS_PCPU_TABLE,
  STATISTICS_VERSION,
} from "../abi/native";
import { DOMID_FIRST_RESERVED } from "../../abi/xen";
import { describeGuestTypes } from "../guest/table";
import { conringInit, conringMove } from "../console/conring";
import { LOG_DEFAULT } from "../abi/log";
import {
  ROOT_CONSOLE_LOCK,
  consoleInit,
  startLogEverything,
  ROOT_GUEST_LOWER,
  ROOT_GUEST_UPPER,
  ROOT_LOGLVL_LOWER,
  ROOT_LOGLVL_UPPER,
  log,
  logBegin,
  logBytes,
  logDec,
  logEnd,
  logHex,
  logText,
} from "../console/console";
import { ROOT_DOMAINS, ROOT_LAST_DOMID } from "../domain/domain";
import { setPower } from "../domain/lifecycle";
import { allocXenheapBytes, memoryInit } from "../memory/allocator";
import { freePages } from "../memory/buddy";
import { HYPERVISOR_ROOT, ROOT_FIRST_HEAP_FRAME } from "../memory/frames";
import { systemTime } from "../sched/clock";
import { pcpuLoop } from "../sched/loop";
import { spinLock, spinUnlock } from "../sched/lock";
import { PCPU_SIZE, PCPU_TABLE, ROOT_PCPUS, ROOT_PCPUS_ONLINE, pcpuAt, setSelf } from "../sched/pcpu";
import { buildDom0 } from "./dom0";
import { ROOT_CONRING_WISH, ROOT_SCHED_REFUSED, defaultOptions, parseOptions } from "./options";
import { allocEngineMemory, becomePcpu, initPcpu } from "./threads";

const CONRING_BYTES: u32 = 0x10000;

function stage(number: u32): void {
  store<f64>(<usize>BOOT_STAGE_TIMES + <usize>number * 8, <f64>systemTime());
  store<u32>(<usize>BOOT_STAGE_SERIAL + <usize>number * 4, atomic.load<u32>(SERIAL_PRODUCER));
  atomic.store<u32>(BOOT_STAGE, number);
  atomic.notify(BOOT_STAGE);
}

/** Reports why the host can't go on, and stops it. */
function panic(reason: string): void {
  startLogEverything();
  log(LOG_DEFAULT, "****************************************");
  log(LOG_DEFAULT, "Panic on CPU 0:");
  log(LOG_DEFAULT, reason);
  log(LOG_DEFAULT, "****************************************");
  setPower(POWER_CRASHED);
}

function banner(): void {
  log(LOG_DEFAULT, "Xen version 4.17.5-xenarium (xenarium@xenarium) (AssemblyScript 0.28) debug=n");
  log(LOG_DEFAULT, "Latest ChangeSet: unavailable");
  log(LOG_DEFAULT, "Bootloader: xenarium");
  logBegin(LOG_DEFAULT);
  logText("Command line: ");
  logBytes(BOOT_CMDLINE, BOOT_CMDLINE_SIZE);
  logEnd();
}

function range(from: u64, to: u64, type: string): void {
  logBegin(LOG_DEFAULT);
  logText(" [");
  logHex(from, 16);
  logText(", ");
  logHex(to - 1, 16);
  logText("] (");
  logText(type);
  logText(")");
  logEnd();
}

function memoryMap(mib: u64): void {
  log(LOG_DEFAULT, "Multiboot-e820 RAM map:");
  range(0, XEN_HEAP_START, "reserved");
  range(XEN_HEAP_START, mib << 20, "usable");
  logBegin(LOG_DEFAULT);
  logText("System RAM: ");
  logDec(mib - (XEN_HEAP_START >> 20));
  logText("MB (");
  logDec((mib << 10) - (XEN_HEAP_START >> 10));
  logText("kB)");
  logEnd();
}

function levelName(level: u32): void {
  if (level == 0) logText("Nothing");
  else if (level == 1) logText("Errors");
  else if (level == 2) logText("Errors and warnings");
  else if (level == 3) logText("Errors, warnings and info");
  else logText("All");
}

function levelLine(name: string, lower: u32, upper: u32): void {
  logBegin(LOG_DEFAULT);
  logText(name);
  levelName(lower);
  if (upper != lower) {
    logText(" (Rate-limited: ");
    levelName(upper);
    logText(")");
  }
  logEnd();
}

/** Sets up the hypervisor's own console and memory. Returns false after a panic. */
function earlyStart(): bool {
  const mib = load<u32>(BOOT_MEMORY_MIB);
  let pcpus = load<u32>(BOOT_PCPUS);
  if (pcpus == 0) pcpus = 1;
  if (pcpus > <u32>MAX_PCPUS) pcpus = MAX_PCPUS;
  store<u32>(HYPERVISOR_ROOT, STATISTICS_MAGIC_VALUE, STATISTICS_MAGIC);
  store<u32>(HYPERVISOR_ROOT, 1, STATISTICS_VERSION);
  store<u32>(HYPERVISOR_ROOT, pcpus, STATISTICS_PCPUS);
  store<u32>(HYPERVISOR_ROOT, <u32>PCPU_TABLE, STATISTICS_PCPU_TABLE);
  store<u32>(HYPERVISOR_ROOT, <u32>PCPU_SIZE, STATISTICS_PCPU_STRIDE);
  store<u32>(ROOT_PCPUS, pcpus);
  for (let id: u32 = 0; id < pcpus; id++) initPcpu(pcpuAt(id), id);
  setSelf(pcpuAt(0));
  conringInit();
  consoleInit();
  defaultOptions();
  stage(BOOT_STAGE_HYPERVISOR);
  // The options come first, as in Xen, since their log thresholds hold for all that follows.
  parseOptions();
  banner();
  memoryMap(mib);
  if (!memoryInit(mib << 8)) {
    panic("Not enough memory for the frame table");
    return false;
  }
  return true;
}

/** Sets up the tables that are allocated from the heap. Returns false after a panic. */
function lateStart(): bool {
  const table = allocXenheapBytes(DOMID_FIRST_RESERVED * 4);
  if (!table || !allocEngineMemory()) {
    panic("Not enough memory for the pCPUs");
    return false;
  }
  store<u32>(ROOT_DOMAINS, <u32>table);
  store<u32>(ROOT_LAST_DOMID, 0);
  logBegin(LOG_DEFAULT);
  logText("Domain heap initialised: ");
  logDec(freePages());
  logText(" pages from mfn ");
  logHex(load<u32>(ROOT_FIRST_HEAP_FRAME));
  logEnd();
  let wish = load<u32>(ROOT_CONRING_WISH);
  if (!wish) wish = CONRING_BYTES;
  let size: u32 = 0x4000;
  while (size < wish && size < 0x400000) size <<= 1;
  if (size > 0x4000) {
    const ring = allocXenheapBytes(size);
    if (ring) {
      spinLock(ROOT_CONSOLE_LOCK);
      conringMove(ring, size);
      spinUnlock(ROOT_CONSOLE_LOCK);
      logBegin(LOG_DEFAULT);
      logText("Allocated console ring of ");
      logDec(size >> 10);
      logText(" KiB.");
      logEnd();
    }
  }
  if (load<u32>(ROOT_SCHED_REFUSED)) log(LOG_DEFAULT, "Could not find scheduler of that name: using credit");
  log(LOG_DEFAULT, "Using scheduler: SMP Credit Scheduler (credit)");
  log(LOG_DEFAULT, "Platform timer is 1.000GHz HOST");
  log(LOG_DEFAULT, "Detected 1000.000 MHz processor.");
  return true;
}

/** Waits until every pCPU has reported itself. Returns false if the host was switched off meanwhile. */
function bringUpPcpus(): bool {
  const pcpus = load<u32>(ROOT_PCPUS);
  becomePcpu(0);
  atomic.add<u32>(ROOT_PCPUS_ONLINE, 1);
  for (;;) {
    const online = atomic.load<u32>(ROOT_PCPUS_ONLINE);
    if (online == pcpus) break;
    if (atomic.load<u32>(BOOT_POWER) != <u32>POWER_ON) return false;
    hostWait(ROOT_PCPUS_ONLINE, online, 100_000_000);
  }
  logBegin(LOG_DEFAULT);
  logText("Brought up ");
  logDec(pcpus);
  logText(pcpus == 1 ? " CPU" : " CPUs");
  logEnd();
  log(LOG_DEFAULT, "Scheduling granularity: cpu, 1 CPU per sched-resource");
  return true;
}

/** Boots the hypervisor on pCPU 0, up to the point where dom0 waits for its thread. */
export function xenStart(): void {
  if (!earlyStart()) return;
  if (!lateStart()) return;
  stage(BOOT_STAGE_MEMORY);
  if (!bringUpPcpus()) return;
  stage(BOOT_STAGE_PCPUS);
  describeGuestTypes();
  if (!buildDom0()) {
    panic("Could not construct domain 0");
    return;
  }
  levelLine("Std. Loglevel: ", load<u32>(ROOT_LOGLVL_LOWER), load<u32>(ROOT_LOGLVL_UPPER));
  levelLine("Guest Loglevel: ", load<u32>(ROOT_GUEST_LOWER), load<u32>(ROOT_GUEST_UPPER));
  stage(BOOT_STAGE_DOM0_BUILT);
}

/** Runs pCPU `id` until power-off. pCPU 0 calls xenStart before. */
export function pcpuRun(id: u32): void {
  if (id != 0) {
    for (;;) {
      if (atomic.load<u32>(BOOT_POWER) != <u32>POWER_ON) return;
      const reached = atomic.load<u32>(BOOT_STAGE);
      if (reached >= <u32>BOOT_STAGE_MEMORY) break;
      hostWait(BOOT_STAGE, reached, 100_000_000);
    }
    if (id >= load<u32>(ROOT_PCPUS)) return;
    becomePcpu(id);
    atomic.add<u32>(ROOT_PCPUS_ONLINE, 1);
    atomic.notify(ROOT_PCPUS_ONLINE);
  } else if (atomic.load<u32>(BOOT_STAGE) < <u32>BOOT_STAGE_DOM0_BUILT) return;
  pcpuLoop();
}
