/**
 * What must hold for the layout of the hypervisor's structures, checked while they are compiled: others find fields at the offsets in abi/native.ts,
 * and what has a fixed place in a page must not overlap what follows. Nothing of this is left in core.wasm.
 */
import { DOMCTL_SIZE } from "../abi/domctl";
import { SYSCTL_SIZE } from "../abi/sysctl";
import { NR_VIRQS } from "../abi/xen";
import { EXIT_SHUTDOWN } from "../machine/cpu/exits";
import { CPU_PAGE_FAULTS, CPU_RETIRED, CPU_SIZE } from "../machine/cpu/state";
import * as abi from "./abi/native";
import {
  CONSOLE_LINE_SIZE,
  DOMAIN_CONSOLE_LINE,
  DOMAIN_FEATURES,
  DOMAIN_HVM_PARAMS,
  DOMAIN_HYPERCALL_COUNTS,
  DOMAIN_WATCHDOG_TIMERS,
  Domain,
  VCPU_ACCESS_COUNTS,
  VCPU_CPU,
  VCPU_EXIT_COUNTS,
  VCPU_GDT_FRAMES,
  VCPU_PAGE_FAULT_COUNT,
  VCPU_TIMERS,
  VCPU_VIRQ_PORTS,
  Vcpu,
} from "./domain/domain";
import { FEATURE_WORDS } from "./guest/features";
import { ACTIVE_MFN, ACTIVE_SIZE, GrantTable } from "./grant/table";
import { DomainMemory } from "./memory/domain_memory";
import { FRAME_INFO_SIZE } from "./memory/frames";
import { PCPU_CONTROL, PCPU_LINE, PCPU_LINE_SIZE, PCPU_SCRATCH, Pcpu } from "./sched/pcpu";
import { TIMER_SIZE } from "./sched/timer";

if (offsetof<Pcpu>("id") != abi.PCPU_ID) ERROR("Pcpu.id is not at PCPU_ID");
if (offsetof<Pcpu>("online") != abi.PCPU_ONLINE) ERROR("Pcpu.online is not at PCPU_ONLINE");
if (offsetof<Pcpu>("current") != abi.PCPU_CURRENT) ERROR("Pcpu.current is not at PCPU_CURRENT");
if (offsetof<Pcpu>("idle") != abi.PCPU_IDLE) ERROR("Pcpu.idle is not at PCPU_IDLE");
if (offsetof<Pcpu>("idleTime") != abi.PCPU_IDLE_TIME) ERROR("Pcpu.idleTime is not at PCPU_IDLE_TIME");
if (offsetof<Pcpu>("idleSince") != abi.PCPU_IDLE_SINCE) ERROR("Pcpu.idleSince is not at PCPU_IDLE_SINCE");
if (offsetof<Pcpu>("switches") != abi.PCPU_SWITCHES) ERROR("Pcpu.switches is not at PCPU_SWITCHES");
if (offsetof<Pcpu>("ipis") != abi.PCPU_IPIS) ERROR("Pcpu.ipis is not at PCPU_IPIS");
if (offsetof<Pcpu>("switchRing") != abi.PCPU_SWITCH_RING) ERROR("Pcpu.switchRing is not at PCPU_SWITCH_RING");
if (offsetof<Domain>("domid") != abi.DOMAIN_DOMID) ERROR("Domain.domid is not at DOMAIN_DOMID");
if (offsetof<Domain>("next") != abi.DOMAIN_NEXT) ERROR("Domain.next is not at DOMAIN_NEXT");
if (offsetof<Domain>("memory") != abi.DOMAIN_MEMORY) ERROR("Domain.memory is not at DOMAIN_MEMORY");
if (offsetof<Domain>("vcpus") != abi.DOMAIN_VCPUS) ERROR("Domain.vcpus is not at DOMAIN_VCPUS");
if (offsetof<Domain>("maxVcpus") != abi.DOMAIN_MAX_VCPUS) ERROR("Domain.maxVcpus is not at DOMAIN_MAX_VCPUS");
if (offsetof<Domain>("hypercalls") != abi.DOMAIN_HYPERCALLS) ERROR("Domain.hypercalls is not at DOMAIN_HYPERCALLS");
if (offsetof<Domain>("eventsSent") != abi.DOMAIN_EVENTS_SENT) ERROR("Domain.eventsSent is not at DOMAIN_EVENTS_SENT");
if (offsetof<Domain>("eventsReceived") != abi.DOMAIN_EVENTS_RECEIVED)
  ERROR("Domain.eventsReceived is not at DOMAIN_EVENTS_RECEIVED");
if (offsetof<Domain>("created") != abi.DOMAIN_CREATED) ERROR("Domain.created is not at DOMAIN_CREATED");
if (offsetof<Domain>("handle0") != abi.DOMAIN_HANDLE) ERROR("Domain.handle0 is not at DOMAIN_HANDLE");
if (offsetof<Vcpu>("vcpuId") != abi.VCPU_ID) ERROR("Vcpu.vcpuId is not at VCPU_ID");
if (offsetof<Vcpu>("domid") != abi.VCPU_DOMID) ERROR("Vcpu.domid is not at VCPU_DOMID");
if (offsetof<Vcpu>("runstate") != abi.VCPU_RUNSTATE) ERROR("Vcpu.runstate is not at VCPU_RUNSTATE");
if (offsetof<Vcpu>("processor") != abi.VCPU_PROCESSOR) ERROR("Vcpu.processor is not at VCPU_PROCESSOR");
if (offsetof<Vcpu>("runstateSince") != abi.VCPU_RUNSTATE_SINCE)
  ERROR("Vcpu.runstateSince is not at VCPU_RUNSTATE_SINCE");
if (offsetof<Vcpu>("runstateTime0") != abi.VCPU_RUNSTATE_TIMES)
  ERROR("Vcpu.runstateTime0 is not at VCPU_RUNSTATE_TIMES");
if (offsetof<Vcpu>("scheduled") != abi.VCPU_SCHEDULED) ERROR("Vcpu.scheduled is not at VCPU_SCHEDULED");
if (offsetof<Vcpu>("migrations") != abi.VCPU_MIGRATIONS) ERROR("Vcpu.migrations is not at VCPU_MIGRATIONS");
if (offsetof<Vcpu>("hypercalls") != abi.VCPU_HYPERCALLS) ERROR("Vcpu.hypercalls is not at VCPU_HYPERCALLS");
if (offsetof<Vcpu>("upcalls") != abi.VCPU_UPCALLS) ERROR("Vcpu.upcalls is not at VCPU_UPCALLS");
if (offsetof<Vcpu>("traceLost") != abi.VCPU_TRACE_LOST) ERROR("Vcpu.traceLost is not at VCPU_TRACE_LOST");
if (offsetof<DomainMemory>("totPages") != abi.MEMORY_TOT_PAGES)
  ERROR("DomainMemory.totPages is not at MEMORY_TOT_PAGES");
if (offsetof<DomainMemory>("maxPages") != abi.MEMORY_MAX_PAGES)
  ERROR("DomainMemory.maxPages is not at MEMORY_MAX_PAGES");
if (offsetof<DomainMemory>("grants") != abi.MEMORY_GRANTS) ERROR("DomainMemory.grants is not at MEMORY_GRANTS");
if (offsetof<GrantTable>("nrFrames") != abi.GRANTS_FRAMES) ERROR("GrantTable.nrFrames is not at GRANTS_FRAMES");
if (offsetof<GrantTable>("activePages") != abi.GRANTS_ACTIVE_PAGES)
  ERROR("GrantTable.activePages is not at GRANTS_ACTIVE_PAGES");
if (offsetof<GrantTable>("pinned") != abi.GRANTS_PINNED) ERROR("GrantTable.pinned is not at GRANTS_PINNED");

if (DOMAIN_HYPERCALL_COUNTS != abi.DOMAIN_HYPERCALLS_BY_NUMBER)
  ERROR("DOMAIN_HYPERCALL_COUNTS is not abi.DOMAIN_HYPERCALLS_BY_NUMBER");
if (VCPU_CPU != abi.VCPU_STATE) ERROR("VCPU_CPU is not abi.VCPU_STATE");
if (VCPU_CPU + CPU_RETIRED != abi.VCPU_RETIRED) ERROR("VCPU_CPU + CPU_RETIRED is not abi.VCPU_RETIRED");
if (VCPU_EXIT_COUNTS != abi.VCPU_EXITS) ERROR("VCPU_EXIT_COUNTS is not abi.VCPU_EXITS");
if (VCPU_EXIT_COUNTS + 8 * abi.EXIT_CAUSES > VCPU_ACCESS_COUNTS)
  ERROR("the counts of exits: no room before VCPU_ACCESS_COUNTS");
if (EXIT_SHUTDOWN + 1 != abi.EXIT_CAUSES) ERROR("EXIT_SHUTDOWN is not the last of abi.EXIT_CAUSES");
if (VCPU_ACCESS_COUNTS != abi.VCPU_ACCESSES) ERROR("VCPU_ACCESS_COUNTS is not abi.VCPU_ACCESSES");
if (VCPU_ACCESS_COUNTS + 8 * abi.ACCESS_KINDS > VCPU_PAGE_FAULT_COUNT)
  ERROR("the counts of accesses: no room before VCPU_PAGE_FAULT_COUNT");
if (VCPU_CPU + CPU_PAGE_FAULTS != abi.VCPU_OWN_PAGE_FAULTS)
  ERROR("VCPU_CPU + CPU_PAGE_FAULTS is not abi.VCPU_OWN_PAGE_FAULTS");
if (VCPU_PAGE_FAULT_COUNT != abi.VCPU_PAGE_FAULTS) ERROR("VCPU_PAGE_FAULT_COUNT is not abi.VCPU_PAGE_FAULTS");
if (ACTIVE_SIZE != abi.ACTIVE_ENTRY_SIZE) ERROR("ACTIVE_SIZE is not abi.ACTIVE_ENTRY_SIZE");
if (ACTIVE_MFN != abi.ACTIVE_ENTRY_MFN) ERROR("ACTIVE_MFN is not abi.ACTIVE_ENTRY_MFN");
if (FRAME_INFO_SIZE != abi.FRAME_SIZE) ERROR("FRAME_INFO_SIZE is not abi.FRAME_SIZE");

if (offsetof<Domain>() > DOMAIN_WATCHDOG_TIMERS) ERROR("Domain: no room before DOMAIN_WATCHDOG_TIMERS");
if (DOMAIN_WATCHDOG_TIMERS + 2 * TIMER_SIZE > DOMAIN_HYPERCALL_COUNTS)
  ERROR("the watchdogs' timers: no room before DOMAIN_HYPERCALL_COUNTS");
if (DOMAIN_HYPERCALL_COUNTS + 8 * abi.NR_HYPERCALLS > DOMAIN_CONSOLE_LINE)
  ERROR("the hypercall counts: no room before DOMAIN_CONSOLE_LINE");
if (DOMAIN_CONSOLE_LINE + CONSOLE_LINE_SIZE > DOMAIN_FEATURES)
  ERROR("the console's line: no room before DOMAIN_FEATURES");
if (DOMAIN_FEATURES + 4 * FEATURE_WORDS > DOMAIN_HVM_PARAMS) ERROR("the features: no room before DOMAIN_HVM_PARAMS");
if (offsetof<Vcpu>() > VCPU_CPU) ERROR("Vcpu: no room before VCPU_CPU");
if (VCPU_CPU + CPU_SIZE > VCPU_GDT_FRAMES) ERROR("CpuState: no room before VCPU_GDT_FRAMES");
if (VCPU_GDT_FRAMES + 4 * 16 > VCPU_VIRQ_PORTS) ERROR("the GDT's frames: no room before VCPU_VIRQ_PORTS");
if (VCPU_VIRQ_PORTS + 4 * NR_VIRQS > VCPU_TIMERS) ERROR("the VIRQs' ports: no room before VCPU_TIMERS");
if (VCPU_TIMERS + 4 * TIMER_SIZE > VCPU_EXIT_COUNTS) ERROR("the timers: no room before VCPU_EXIT_COUNTS");
if (offsetof<Pcpu>() > PCPU_LINE) ERROR("Pcpu: no room before PCPU_LINE");
if (PCPU_LINE + PCPU_LINE_SIZE > PCPU_CONTROL) ERROR("the console line: no room before PCPU_CONTROL");
if (PCPU_CONTROL + DOMCTL_SIZE > PCPU_SCRATCH) ERROR("a domctl: no room before PCPU_SCRATCH");
if (PCPU_CONTROL + SYSCTL_SIZE > PCPU_SCRATCH) ERROR("a sysctl: no room before PCPU_SCRATCH");
