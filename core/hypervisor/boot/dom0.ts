/** Builds the control domain: a native, privileged domain whose memory is contiguous. */
import {
  SIF_INITDOMAIN,
  SIF_PRIVILEGED,
  START_INFO_CMD_LINE,
  START_INFO_FLAGS,
  START_INFO_NR_PAGES,
  START_INFO_SHARED_INFO,
} from "../../abi/xen";
import { LOG_DEFAULT, LOG_ERR } from "../abi/log";
import { log, logBegin, logDec, logEnd, logHex, logText } from "../console/console";
import { DOMAIN_HARDWARE, DOMAIN_PRIVILEGED, Domain } from "../domain/domain";
import { createDomain, createVcpu } from "../domain/lifecycle";
import {
  DOMCTL_CREATEDOMAIN_GRANT_OPTS,
  DOMCTL_CREATEDOMAIN_MAX_EVTCHN_PORT,
  DOMCTL_CREATEDOMAIN_MAX_GRANT_FRAMES,
  DOMCTL_CREATEDOMAIN_MAX_MAPTRACK_FRAMES,
  DOMCTL_CREATEDOMAIN_MAX_VCPUS,
  DOMCTL_SIZE,
} from "../../abi/domctl";
import { GUEST_NATIVE, guestType } from "../guest/type";
import { PCPU_CONTROL, self } from "../sched/pcpu";
import { textTo } from "../hypercall/xen_version";
import { allocDomheapContiguous } from "../memory/allocator";
import { freePages } from "../memory/buddy";
import { setMaxPages } from "../memory/domain_memory";
import { frameAddress } from "../memory/frames";
import { m2pSet } from "../memory/m2p";
import { ROOT_DOM0_FRAMES, ROOT_DOM0_MAX_FRAMES } from "./options";

/** The size without dom0_mem. dom0 needs memory for its ends of rings and for its network, but none for programs. */
const DEFAULT_FRAMES: u32 = 8192;
const LEAST_FRAMES: u32 = 1024;

function dom0Frames(): u32 {
  let frames = load<u32>(ROOT_DOM0_FRAMES);
  const most = load<u32>(ROOT_DOM0_MAX_FRAMES);
  const free = freePages();
  if (!frames) frames = min<u32>(DEFAULT_FRAMES, free / 4);
  if (most && frames > most) frames = most;
  return min<u32>(max<u32>(frames, LEAST_FRAMES), free - free / 8);
}

/** Fills struct xen_domctl_createdomain: one vCPU, all event channels, the default grant limits, and version 2 of grant tables. */
function dom0Config(): usize {
  const config = changetype<usize>(self) + PCPU_CONTROL;
  memory.fill(config, 0, DOMCTL_SIZE);
  store<u32>(config, 1, DOMCTL_CREATEDOMAIN_MAX_VCPUS);
  store<u32>(config, 0xffffffff, DOMCTL_CREATEDOMAIN_MAX_EVTCHN_PORT);
  store<i32>(config, -1, DOMCTL_CREATEDOMAIN_MAX_GRANT_FRAMES);
  store<i32>(config, -1, DOMCTL_CREATEDOMAIN_MAX_MAPTRACK_FRAMES);
  store<u32>(config, 2, DOMCTL_CREATEDOMAIN_GRANT_OPTS);
  return config;
}

/** Builds dom0. Returns false if it can't, with the reason in the log. */
export function buildDom0(): bool {
  log(LOG_DEFAULT, "*** Building a native Dom0 ***");
  const d = createDomain(0, guestType(GUEST_NATIVE), DOMAIN_PRIVILEGED | DOMAIN_HARDWARE, dom0Config());
  if (!d) {
    log(LOG_ERR, "Error creating domain 0");
    return false;
  }
  const frames = dom0Frames();
  const most = load<u32>(ROOT_DOM0_MAX_FRAMES);
  setMaxPages(0, most > frames ? most : frames);
  const first = allocDomheapContiguous(frames, 0);
  if (!first) {
    log(LOG_ERR, "Not enough RAM for domain 0 allocation.");
    return false;
  }
  d.nativeFirstMfn = first;
  d.nativeFrames = frames;
  for (let i: u32 = 0; i < frames; i++) m2pSet(first + i, i);
  startInfo(d);
  if (createVcpu(d, 0)) {
    log(LOG_ERR, "Error creating vCPU 0 of domain 0");
    return false;
  }
  // A native domain does not wait for the scheduler: it runs as soon as its thread attaches.
  d.pauseCount = 0;
  d.controllerPauseCount = 0;
  log(LOG_DEFAULT, "Dom0 has maximum 1 VCPUs");
  log(LOG_DEFAULT, "PHYSICAL MEMORY ARRANGEMENT:");
  logBegin(LOG_DEFAULT);
  logText(" Dom0 alloc.:   ");
  logHex(<u64>frameAddress(first), 16);
  logText("->");
  logHex(<u64>frameAddress(first) + ((<u64>frames) << 12), 16);
  logText(" (");
  logDec(frames);
  logText(" pages)");
  logEnd();
  logBegin(LOG_DEFAULT);
  logText(" Start info:    ");
  logHex(d.startInfo, 16);
  logText("->");
  logHex(<u64>d.startInfo + 4096, 16);
  logEnd();
  return true;
}

function startInfo(d: Domain): void {
  const at = frameAddress(d.nativeFirstMfn);
  textTo(at, "xen-3.0-x86_64");
  store<u64>(at, d.nativeFrames, START_INFO_NR_PAGES);
  store<u64>(at, d.sharedInfo, START_INFO_SHARED_INFO);
  store<u32>(at, SIF_PRIVILEGED | SIF_INITDOMAIN, START_INFO_FLAGS);
  store<u8>(at, 0, START_INFO_CMD_LINE);
  d.startInfo = at;
}
