/** Names of numbers in hypercalls: those of Xen's public headers, from the hypervisor's own tables of them. */
import * as arch from "../../hypervisor/abi/arch_x86.ts";
import * as domctl from "../../hypervisor/abi/domctl.ts";
import * as errno from "../../hypervisor/abi/errno.ts";
import * as event from "../../hypervisor/abi/event_channel.ts";
import * as grant from "../../hypervisor/abi/grant_table.ts";
import * as memory from "../../hypervisor/abi/memory.ts";
import * as native from "../../hypervisor/abi/native.ts";
import * as sched from "../../hypervisor/abi/sched.ts";
import * as sysctl from "../../hypervisor/abi/sysctl.ts";
import * as vcpu from "../../hypervisor/abi/vcpu.ts";
import * as version from "../../hypervisor/abi/version.ts";
import * as xen from "../../hypervisor/abi/xen.ts";

export type Names = ReadonlyMap<number, string>;

/** What begins with `prefix`, by value; `isOne` leaves out what is no number of that kind. The prefix stays, unless it is `strip`ped. */
function named(
  numbers: Record<string, number>,
  prefix: string,
  { strip = false, isOne = () => true }: { strip?: boolean; isOne?: (name: string) => boolean } = {},
): Names {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(numbers))
    if (name.startsWith(prefix) && isOne(name) && !names.has(value))
      names.set(value, strip ? name.slice(prefix.length) : name);
  return names;
}

/** event_channel_op and the like, without HYPERVISOR_. */
export const HYPERCALLS = new Map([
  ...named(xen, "HYPERVISOR_", { strip: true }),
  [xen.HYPERVISOR_arch_7, "arch_7 (native)"],
]);
export const ERRNOS = named(errno, "E");
export const EVTCHNOP = named(event, "EVTCHNOP_");
export const EVTCHNSTAT = named(event, "EVTCHNSTAT_");
export const GNTTABOP = named(grant, "GNTTABOP_");
export const GNTST = named(grant, "GNTST_");
export const XENMEM = named(memory, "XENMEM_", { isOne: (name) => !name.startsWith("XENMEM_resource") });
export const MMUEXT = named(memory, "MMUEXT_", { isOne: (name) => !name.startsWith("MMUEXT_OP_") });
export const MMU = named(memory, "MMU_", { isOne: (name) => !name.startsWith("MMU_UPDATE") });
export const SCHEDOP = named(sched, "SCHEDOP_");
export const SHUTDOWN = named(sched, "SHUTDOWN_", { isOne: (name) => name !== "SHUTDOWN_MAX" });
export const VCPUOP = named(vcpu, "VCPUOP_");
export const XENVER = named(version, "XENVER_");
export const VMASST_CMD = named(xen, "VMASST_CMD_");
export const VMASST_TYPE = named(xen, "VMASST_TYPE_");
export const VIRQ = named(xen, "VIRQ_");
export const CONSOLEIO = named(xen, "CONSOLEIO_");
export const CALLBACKOP = named(arch, "CALLBACKOP_");
export const CALLBACKTYPE = named(arch, "CALLBACKTYPE_");
export const SEGBASE = named(arch, "SEGBASE_");
export const XENNMI = named(arch, "XENNMI_");
export const DOMCTL = named(domctl, "XEN_DOMCTL_", { isOne: (name) => /^XEN_DOMCTL_[a-z]/.test(name) });
export const SYSCTL = named(sysctl, "XEN_SYSCTL_", { isOne: (name) => /^XEN_SYSCTL_[a-z]/.test(name) });
export const NATIVE = named(native, "NATIVE_");
/** Numbers of public/physdev.h. */
export const PHYSDEVOP: Names = new Map(
  Object.entries({
    irq_status_query: 5,
    set_iopl: 6,
    set_iobitmap: 7,
    apic_read: 8,
    apic_write: 9,
    alloc_irq_vector: 10,
    free_irq_vector: 11,
    eoi: 12,
    map_pirq: 13,
    unmap_pirq: 14,
    manage_pci_add: 15,
    manage_pci_remove: 16,
    pirq_eoi_gmfn_v1: 17,
    restore_msi: 19,
    manage_pci_add_ext: 20,
    setup_gsi: 21,
    get_nr_pirqs: 22,
    get_free_pirq: 23,
    pci_mmcfg_reserved: 24,
    pci_device_add: 25,
    pci_device_remove: 26,
    pirq_eoi_gmfn_v2: 28,
    dbgp_op: 29,
    prepare_msix: 30,
    release_msix: 31,
  }).map(([name, value]) => [value, `PHYSDEVOP_${name}`]),
);
