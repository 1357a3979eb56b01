/** What the hypervisor reports about one domain (a domctl) or all domains (a sysctl): struct xen_domctl_getdomaininfo. */
import * as domctl from "../../../abi/domctl.ts";
import type { PhysicalMemory } from "../memory.ts";

/** The size of a xen_domain_handle_t. */
export const UUID_BYTES = 16;

export interface DomainInfoRecord {
  domid: number;
  flags: number;
  totPages: number;
  maxPages: number;
  sharedInfoFrame: number;
  cpuTime: number;
  onlineVcpus: number;
  maxVcpuId: number;
  /** The 16 bytes of the UUID as lower-case hex digits with dashes. */
  handle: string;
}

export function uuidToBytes(uuid: string): Uint8Array {
  const hex = uuid.replaceAll("-", "");
  return Uint8Array.from({ length: UUID_BYTES }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

export function bytesToUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Reads the structure at machine address `at`. */
export function domainRecord(memory: PhysicalMemory, at: number): DomainInfoRecord {
  return {
    domid: memory.get16(at + domctl.DOMCTL_GETDOMAININFO_DOMAIN),
    flags: memory.get32(at + domctl.DOMCTL_GETDOMAININFO_FLAGS),
    totPages: Number(memory.get64(at + domctl.DOMCTL_GETDOMAININFO_TOT_PAGES)),
    maxPages: Number(memory.get64(at + domctl.DOMCTL_GETDOMAININFO_MAX_PAGES)),
    sharedInfoFrame: Number(memory.get64(at + domctl.DOMCTL_GETDOMAININFO_SHARED_INFO_FRAME)),
    cpuTime: Number(memory.get64(at + domctl.DOMCTL_GETDOMAININFO_CPU_TIME)),
    onlineVcpus: memory.get32(at + domctl.DOMCTL_GETDOMAININFO_NR_ONLINE_VCPUS),
    maxVcpuId: memory.get32(at + domctl.DOMCTL_GETDOMAININFO_MAX_VCPU_ID),
    handle: bytesToUuid(memory.bytes(at + domctl.DOMCTL_GETDOMAININFO_HANDLE, UUID_BYTES)),
  };
}
