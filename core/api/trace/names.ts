/** Names of numbers in hypercalls: those of Xen's public headers, from the tables in core/abi. */
import * as arch from "../../abi/arch_x86.ts";
import * as callback from "../../abi/callback.ts";
import * as domctl from "../../abi/domctl.ts";
import * as errno from "../../abi/errno.ts";
import * as event from "../../abi/event_channel.ts";
import * as grant from "../../abi/grant_table.ts";
import * as memory from "../../abi/memory.ts";
import * as native from "../../hypervisor/abi/native.ts";
import * as nmi from "../../abi/nmi.ts";
import * as physdev from "../../abi/physdev.ts";
import * as sched from "../../abi/sched.ts";
import * as sysctl from "../../abi/sysctl.ts";
import * as vcpu from "../../abi/vcpu.ts";
import * as version from "../../abi/version.ts";
import * as xen from "../../abi/xen.ts";

export type Names = ReadonlyMap<number, string>;

/**
 * Returns the names that begin with `prefix`, by value; `isOne` excludes names that are no number of that kind. The prefix stays unless it is
 * `strip`ped.
 */
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
/** Hypercalls have the numbers below this, kinds of accesses those from it on. */
export const FIRST_ACCESS = native.NR_HYPERCALLS;
/** Accesses of PVH guests to ports, and to guest-physical addresses without memory, where devices are. */
export const ACCESSES: Names = new Map([
  [FIRST_ACCESS, "port read"],
  [FIRST_ACCESS + 1, "port write"],
  [FIRST_ACCESS + 2, "device read"],
  [FIRST_ACCESS + 3, "device write"],
]);
/** All that is traced, by number. */
export const CALLS: Names = new Map([...HYPERCALLS, ...ACCESSES]);
export const ERRNOS = named(errno, "E");
export const EVTCHNOP = named(event, "EVTCHNOP_");
export const EVTCHNSTAT = named(event, "EVTCHNSTAT_");
export const GNTTABOP = named(grant, "GNTTABOP_");
export const GNTST = named(grant, "GNTST_");
export const XENMEM = named(memory, "XENMEM_", { isOne: (name) => !name.startsWith("XENMEM_resource") });
export const MMUEXT = named(xen, "MMUEXT_", { isOne: (name) => !name.startsWith("MMUEXT_OP_") });
export const MMU = named(xen, "MMU_", { isOne: (name) => !name.startsWith("MMU_UPDATE") });
export const SCHEDOP = named(sched, "SCHEDOP_");
export const SHUTDOWN = named(sched, "SHUTDOWN_", { isOne: (name) => name !== "SHUTDOWN_MAX" });
export const VCPUOP = named(vcpu, "VCPUOP_");
export const XENVER = named(version, "XENVER_");
export const VMASST_CMD = named(xen, "VMASST_CMD_");
export const VMASST_TYPE = named(xen, "VMASST_TYPE_");
export const VIRQ = named(xen, "VIRQ_");
export const CONSOLEIO = named(xen, "CONSOLEIO_");
export const CALLBACKOP = named(callback, "CALLBACKOP_");
export const CALLBACKTYPE = named(callback, "CALLBACKTYPE_");
export const SEGBASE = named(arch, "SEGBASE_");
export const XENNMI = named(nmi, "XENNMI_", { isOne: (name) => /^XENNMI_[a-z]/.test(name) });
export const DOMCTL = named(domctl, "XEN_DOMCTL_", { isOne: (name) => /^XEN_DOMCTL_[a-z]/.test(name) });
export const SYSCTL = named(sysctl, "XEN_SYSCTL_", { isOne: (name) => /^XEN_SYSCTL_[a-z]/.test(name) });
export const NATIVE = named(native, "NATIVE_");
export const PHYSDEVOP: Names = new Map([
  ...named(physdev, "PHYSDEVOP_"),
  // Removed from the header, but kernels still know it.
  [22, "PHYSDEVOP_get_nr_pirqs"],
]);
