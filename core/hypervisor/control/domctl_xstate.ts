/** XEN_DOMCTL_getvcpuextstate and setvcpuextstate: XCR0 and the state of x87, SSE and AVX of a vCPU. `u` is the operation's structure in hypervisor memory. */
import {
  DOMCTL_VCPUEXTSTATE_BUFFER,
  DOMCTL_VCPUEXTSTATE_SIZE_MEMBER,
  DOMCTL_VCPUEXTSTATE_VCPU,
  DOMCTL_VCPUEXTSTATE_XFEATURE_MASK,
} from "../../abi/domctl";
import { EFAULT, EINVAL, ENOMEM, ESRCH } from "../../abi/errno";
import { CPU_XCR0 } from "../../machine/cpu/state";
import { XCR0_KNOWN } from "../../machine/cpu/xcr0";
import { Domain, Vcpu, vcpuOf } from "../domain/domain";
import { runsOnPcpus } from "../guest/type";
import { AREA_SIZE, accumulated, areaSize, checkXstate, giveXstate, takeXstate } from "../guest/xstate";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { frameAddress } from "../memory/frames";
import { vcpuPause, vcpuUnpause } from "../sched/vcpu";

/** What comes before the area: u64 XCR0, u64 components that it has had. */
const BUFFER_ACCUMULATED: usize = 8;
const BUFFER_AREA: u32 = 16;

function bufferSize(accum: u64): u32 {
  return accum ? BUFFER_AREA + areaSize(accum) : BUFFER_AREA;
}

/** 0 or -errno; the structure is copied back to the caller. Without a buffer it says how large one must be. The domain is not the caller's. */
export function getExtState(d: Domain, u: usize): i32 {
  const v = vcpuOf(d, load<u32>(u, DOMCTL_VCPUEXTSTATE_VCPU));
  if (!v) return -ESRCH;
  if (!runsOnPcpus(d)) return -EINVAL;
  vcpuPause(v);
  const error = give(v as Vcpu, u);
  vcpuUnpause(v);
  return error;
}

function give(v: Vcpu, u: usize): i32 {
  const accum = accumulated(v);
  const size = bufferSize(accum);
  const room = load<u64>(u, DOMCTL_VCPUEXTSTATE_SIZE_MEMBER);
  const mask = load<u64>(u, DOMCTL_VCPUEXTSTATE_XFEATURE_MASK);
  const buffer = load<u64>(u, DOMCTL_VCPUEXTSTATE_BUFFER);
  if ((!room && !mask) || !buffer) {
    store<u64>(u, XCR0_KNOWN, DOMCTL_VCPUEXTSTATE_XFEATURE_MASK);
    store<u64>(u, size, DOMCTL_VCPUEXTSTATE_SIZE_MEMBER);
    return 0;
  }
  if (room != <u64>size || mask != XCR0_KNOWN) return -EINVAL;
  const pages = allocXenheapPages(0);
  if (!pages) return -ENOMEM;
  const at = frameAddress(pages);
  memory.fill(at, 0, size);
  if (accum) {
    store<u64>(at, load<u64>(v.cpu, CPU_XCR0));
    store<u64>(at, accum, BUFFER_ACCUMULATED);
    giveXstate(v, at + BUFFER_AREA);
  }
  const ok = copyToGuest(buffer, at, size);
  freeXenheapPages(pages, 0);
  return ok ? 0 : -EFAULT;
}

/** 0 or -errno. The domain is not the caller's. */
export function setExtState(d: Domain, u: usize): i32 {
  const v = vcpuOf(d, load<u32>(u, DOMCTL_VCPUEXTSTATE_VCPU));
  if (!v) return -ESRCH;
  const size = load<u64>(u, DOMCTL_VCPUEXTSTATE_SIZE_MEMBER);
  if (!runsOnPcpus(d) || size < <u64>BUFFER_AREA || size > <u64>bufferSize(XCR0_KNOWN)) return -EINVAL;
  const pages = allocXenheapPages(0);
  if (!pages) return -ENOMEM;
  const at = frameAddress(pages);
  const error = copyFromGuest(at, load<u64>(u, DOMCTL_VCPUEXTSTATE_BUFFER), <u32>size)
    ? take(v as Vcpu, at, <u32>size)
    : -EFAULT;
  freeXenheapPages(pages, 0);
  return error;
}

function take(v: Vcpu, at: usize, size: u32): i32 {
  const xcr0 = load<u64>(at);
  const accum = load<u64>(at, BUFFER_ACCUMULATED);
  // A vCPU that has never had an XCR0 has nothing to restore.
  if (!xcr0 && !accum && size == BUFFER_AREA) return 0;
  if (size < BUFFER_AREA + AREA_SIZE || size < bufferSize(accum)) return -EINVAL;
  const area = at + BUFFER_AREA;
  const error = checkXstate(v.domain, xcr0, accum, area);
  if (error) return error;
  vcpuPause(v);
  takeXstate(v, xcr0, area);
  vcpuUnpause(v);
  return 0;
}
