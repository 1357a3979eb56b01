/** Structures that hypercalls take, as far as a record has their bytes: fields with name, offset and kind (Xen's public headers, x86-64). */
import * as names from "./names.ts";
import type { Names } from "./names.ts";

/** Names: a u32 that has one; callback: a u16 CALLBACKTYPE_*; status: an i16 GNTST_*. */
export type Kind =
  "u8" | "u16" | "u32" | "i32" | "u64" | "hex" | "hex32" | "ns" | "domid" | "status" | "callback" | Names;
/** A field that the hypervisor fills in is marked `out`; it has no meaning when the call has failed. */
export type Field = readonly [name: string, offset: number, kind: Kind, out?: "out"];
type Structures = Readonly<Record<string, readonly Field[]>>;

const RESERVATION: readonly Field[] = [
  ["nr_extents", 8, "u64"],
  ["extent_order", 16, "u32"],
  ["extent_start", 0, "hex"],
  ["domid", 24, "domid"],
];
const DOMID: readonly Field[] = [["dom", 0, "domid"]];
const PORT: readonly Field[] = [["port", 0, "u32"]];

/** By the name of the operation. */
export const STRUCTURES: Structures = {
  EVTCHNOP_bind_interdomain: [
    ["remote_dom", 0, "domid"],
    ["remote_port", 4, "u32"],
    ["local_port", 8, "u32", "out"],
  ],
  EVTCHNOP_bind_virq: [
    ["virq", 0, names.VIRQ],
    ["vcpu", 4, "u32"],
    ["port", 8, "u32", "out"],
  ],
  EVTCHNOP_bind_pirq: [
    ["pirq", 0, "u32"],
    ["port", 8, "u32", "out"],
  ],
  EVTCHNOP_close: PORT,
  EVTCHNOP_send: PORT,
  EVTCHNOP_unmask: PORT,
  EVTCHNOP_status: [
    ["dom", 0, "domid"],
    ["port", 4, "u32"],
    ["status", 8, names.EVTCHNSTAT, "out"],
    ["vcpu", 12, "u32", "out"],
  ],
  EVTCHNOP_alloc_unbound: [
    ["dom", 0, "domid"],
    ["remote_dom", 2, "domid"],
    ["port", 4, "u32", "out"],
  ],
  EVTCHNOP_bind_ipi: [
    ["vcpu", 0, "u32"],
    ["port", 4, "u32", "out"],
  ],
  EVTCHNOP_bind_vcpu: [
    ["port", 0, "u32"],
    ["vcpu", 4, "u32"],
  ],
  EVTCHNOP_reset: DOMID,
  EVTCHNOP_init_control: [
    ["control_gfn", 0, "hex"],
    ["offset", 8, "u32"],
    ["vcpu", 12, "u32"],
    ["link_bits", 16, "u8", "out"],
  ],
  EVTCHNOP_expand_array: [["array_gfn", 0, "hex"]],
  EVTCHNOP_set_priority: [
    ["port", 0, "u32"],
    ["priority", 4, "u32"],
  ],

  GNTTABOP_map_grant_ref: [
    ["ref", 12, "u32"],
    ["dom", 16, "domid"],
    ["flags", 8, "hex32"],
    ["host_addr", 0, "hex"],
    ["handle", 20, "u32", "out"],
    ["status", 18, "status", "out"],
  ],
  GNTTABOP_unmap_grant_ref: [
    ["handle", 16, "u32"],
    ["host_addr", 0, "hex"],
    ["status", 20, "status", "out"],
  ],
  GNTTABOP_unmap_and_replace: [
    ["handle", 16, "u32"],
    ["host_addr", 0, "hex"],
    ["new_addr", 8, "hex"],
    ["status", 20, "status", "out"],
  ],
  GNTTABOP_setup_table: [
    ["dom", 0, "domid"],
    ["nr_frames", 4, "u32"],
    ["frame_list", 16, "hex"],
    ["status", 8, "status", "out"],
  ],
  GNTTABOP_dump_table: [...DOMID, ["status", 2, "status", "out"]],
  GNTTABOP_copy: [
    ["source", 0, "hex"],
    ["source_domid", 8, "domid"],
    ["dest", 16, "hex"],
    ["dest_domid", 24, "domid"],
  ],
  GNTTABOP_query_size: [
    ["dom", 0, "domid"],
    ["nr_frames", 4, "u32", "out"],
    ["max_nr_frames", 8, "u32", "out"],
    ["status", 12, "status", "out"],
  ],
  GNTTABOP_set_version: [["version", 0, "u32"]],
  GNTTABOP_get_version: [
    ["dom", 0, "domid"],
    ["version", 4, "u32", "out"],
  ],
  GNTTABOP_get_status_frames: [
    ["nr_frames", 0, "u32"],
    ["dom", 4, "domid"],
    ["frame_list", 8, "hex"],
    ["status", 6, "status", "out"],
  ],
  GNTTABOP_swap_grant_ref: [
    ["ref_a", 0, "u32"],
    ["ref_b", 4, "u32"],
    ["status", 8, "status", "out"],
  ],

  XENMEM_increase_reservation: RESERVATION,
  XENMEM_decrease_reservation: RESERVATION,
  XENMEM_populate_physmap: RESERVATION,
  XENMEM_exchange: RESERVATION.map(([name, at, kind]): Field => [`in.${name}`, at, kind]),
  XENMEM_current_reservation: DOMID,
  XENMEM_maximum_reservation: DOMID,
  XENMEM_maximum_gpfn: DOMID,
  XENMEM_machphys_mfn_list: [
    ["max_extents", 0, "u32"],
    ["extent_start", 8, "hex"],
    ["nr_extents", 16, "u32", "out"],
  ],
  XENMEM_add_to_physmap: [
    ["domid", 0, "domid"],
    ["space", 4, "u32"],
    ["idx", 8, "u64"],
    ["gpfn", 16, "hex"],
  ],
  XENMEM_memory_map: [
    ["nr_entries", 0, "u32"],
    ["buffer", 8, "hex"],
  ],
  XENMEM_machphys_mapping: [
    ["v_start", 0, "hex", "out"],
    ["v_end", 8, "hex", "out"],
    ["max_mfn", 16, "hex", "out"],
  ],
  XENMEM_acquire_resource: [
    ["domid", 0, "domid"],
    ["type", 2, "u16"],
    ["id", 4, "u32"],
    ["nr_frames", 8, "u32"],
  ],

  SCHEDOP_shutdown: [["reason", 0, names.SHUTDOWN]],
  SCHEDOP_shutdown_code: [["reason", 0, names.SHUTDOWN]],
  SCHEDOP_poll: [
    ["nr_ports", 8, "u32"],
    ["ports", 0, "hex"],
    ["timeout", 16, "ns"],
  ],
  SCHEDOP_remote_shutdown: [
    ["domain_id", 0, "domid"],
    ["reason", 4, names.SHUTDOWN],
  ],
  SCHEDOP_watchdog: [
    ["id", 0, "u32"],
    ["timeout", 4, "u32"],
  ],
  SCHEDOP_pin_override: [["pcpu", 0, "i32"]],

  VCPUOP_set_periodic_timer: [["period_ns", 0, "ns"]],
  VCPUOP_set_singleshot_timer: [
    ["timeout_abs_ns", 0, "ns"],
    ["flags", 8, "u32"],
  ],
  VCPUOP_register_vcpu_info: [
    ["mfn", 0, "hex"],
    ["offset", 8, "u32"],
  ],
  VCPUOP_register_runstate_memory_area: [["addr", 0, "hex"]],
  VCPUOP_register_vcpu_time_memory_area: [["addr", 0, "hex"]],
  VCPUOP_get_runstate_info: [
    ["state", 0, "u32", "out"],
    ["state_entry_time", 8, "ns", "out"],
  ],

  CALLBACKOP_register: [
    ["type", 0, "callback"],
    ["address", 8, "hex"],
  ],
  CALLBACKOP_unregister: [["type", 0, "callback"]],
  PHYSDEVOP_set_iopl: [["iopl", 0, "u32"]],
  PHYSDEVOP_set_iobitmap: [
    ["bitmap", 0, "hex"],
    ["nr_ports", 8, "u32"],
  ],
  PHYSDEVOP_eoi: [["irq", 0, "u32"]],
  PHYSDEVOP_irq_status_query: [["irq", 0, "u32"]],
};
