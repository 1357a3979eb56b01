/**
 * A traced hypercall or access: what a record of the `trace` event says (core/hypervisor/abi/trace.ts), with the names of Xen's headers. Safe to
 * import in a browser.
 */
import * as native from "../../hypervisor/abi/native.ts";
import * as trace from "../../hypervisor/abi/trace.ts";
import * as nr from "../../abi/xen.ts";
import * as names from "./names.ts";
import { STRUCTURES, type Field, type Kind } from "./structures.ts";

export interface TraceCall {
  /** Nanoseconds since the host's power-on; then how long it took. */
  time: number;
  duration: number;
  domid: number;
  vcpu: number;
  /** Of the hypercall, -1 if there is none such; of an access, a number of ACCESSES. */
  number: number;
  /** As in xen.h, without HYPERVISOR_; or what the access is. */
  name: string;
  /** Sub-operation, as EVTCHNOP_send; of an access, its port or guest-physical address; null where there is none. */
  operation: string | null;
  /** Of the operation, in words of Xen's headers; of an access its width, value and RIP; what is behind a pointer as it was when the call ended. */
  parameters: readonly (readonly [name: string, value: string])[];
  /** What it returned: a number, or the error's name as -EINVAL; "" when it returned nothing, as accesses do. */
  result: string;
  failed: boolean;
  /** Whether the guest makes it again with what is left to do. */
  continued: boolean;
  /** Whether it is an entry of a multicall. */
  member: boolean;
  /** Behind the guest's SYSCALL, or of an access's instruction; null for dom0. */
  rip: bigint | null;
  /** null of a hypercall. */
  access: TraceAccess | null;
  /** Of this vCPU: calls that were not recorded since the record before. */
  lost: number;
}

export interface TraceAccess {
  space: "port" | "device";
  address: bigint;
  /** 1, 2, 4 or 8 bytes. */
  width: number;
  isWrite: boolean;
}

export const RECORD_SIZE = trace.TRACE_RECORD_SIZE;
const MOST_ERRNO = 4095n;
const DOMIDS = new Map<number, string>([
  [0x7ff0, "DOMID_SELF"],
  [0x7ff1, "DOMID_IO"],
  [0x7ff2, "DOMID_XEN"],
]);

/** Returns the records of a `trace` event, in order. */
export function traceCalls(records: Uint8Array): TraceCall[] {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  return Array.from({ length: Math.floor(records.length / RECORD_SIZE) }, (_, n) => callOf(view, n * RECORD_SIZE));
}

function callOf(view: DataView, at: number): TraceCall {
  const kind = view.getUint8(at + trace.TRACE_KIND);
  return kind === trace.TRACE_KIND_hypercall ? hypercallOf(view, at) : accessOf(view, at, kind);
}

/** What all records have. */
function recordOf(
  view: DataView,
  at: number,
): Pick<TraceCall, "time" | "duration" | "domid" | "vcpu" | "rip" | "lost"> {
  const rip = view.getBigUint64(at + trace.TRACE_RIP, true);
  return {
    time: Number(view.getBigUint64(at + trace.TRACE_TIME, true)),
    duration: view.getUint32(at + trace.TRACE_DURATION, true),
    domid: view.getUint16(at + trace.TRACE_DOMID, true),
    vcpu: view.getUint16(at + trace.TRACE_VCPU, true),
    rip: rip === 0n ? null : rip,
    lost: view.getUint32(at + trace.TRACE_LOST, true),
  };
}

function accessOf(view: DataView, at: number, kind: number): TraceCall {
  const number = native.NR_HYPERCALLS + kind - trace.TRACE_KIND_port_read;
  const isPort = kind === trace.TRACE_KIND_port_read || kind === trace.TRACE_KIND_port_write;
  const access: TraceAccess = {
    space: isPort ? "port" : "device",
    address: view.getBigUint64(at + trace.TRACE_NUMBER, true),
    width: Number(view.getBigUint64(at + trace.TRACE_ARGS, true)),
    isWrite: kind === trace.TRACE_KIND_port_write || kind === trace.TRACE_KIND_memory_write,
  };
  const record = recordOf(view, at);
  return {
    ...record,
    number,
    name: names.ACCESSES.get(number) ?? `access ${kind}`,
    operation: hex(access.address),
    parameters: [
      ["bytes", String(access.width)],
      ["value", hex(view.getBigUint64(at + trace.TRACE_ARGS + 8, true))],
      ["rip", hex(record.rip ?? 0n)],
    ],
    result: "",
    failed: false,
    continued: false,
    member: false,
    access,
  };
}

function hypercallOf(view: DataView, at: number): TraceCall {
  const long = view.getBigUint64(at + trace.TRACE_NUMBER, true);
  // Only numbers below that mean anything; a larger one is shown as it was.
  const number = long < BigInt(native.NR_HYPERCALLS) ? Number(long) : -1;
  const args = Array.from({ length: 6 }, (_, n) => view.getBigUint64(at + trace.TRACE_ARGS + 8 * n, true));
  const bytes = Math.min(view.getUint8(at + trace.TRACE_BYTES), trace.TRACE_STRUCT_SIZE);
  const structure = new DataView(view.buffer, view.byteOffset + at + trace.TRACE_STRUCT, bytes);
  const flags = view.getUint8(at + trace.TRACE_FLAGS);
  const continued = (flags & trace.TRACE_FLAG_continued) !== 0;
  const value = view.getBigInt64(at + trace.TRACE_RESULT, true);
  const hasResult = !continued && (flags & trace.TRACE_FLAG_no_result) === 0;
  const failed = hasResult && value < 0n && value >= -MOST_ERRNO;
  const { operation, parameters } = describe(number, args, structure, !failed && hasResult);
  return {
    ...recordOf(view, at),
    number,
    name: names.HYPERCALLS.get(number) ?? `hypercall ${long}`,
    operation,
    parameters,
    result: !hasResult ? "" : failed ? errorName(-value) : value > 0xffffn ? hex(value) : String(value),
    failed,
    continued,
    member: (flags & trace.TRACE_FLAG_member) !== 0,
    access: null,
  };
}

type Parameters = (readonly [string, string])[];
interface Description {
  operation: string | null;
  parameters: Parameters;
}

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}
function errorName(number: bigint): string {
  const name = names.ERRNOS.get(Number(number));
  return name ? `-${name}` : `-${number}`;
}
function low32(value: bigint): number {
  return Number(value & 0xffffffffn);
}
function domidOf(value: number): string {
  return DOMIDS.get(value) ?? String(value);
}

/** `filled`: the call was successful, so what the hypervisor fills in is there. */
function describe(number: number, args: bigint[], structure: DataView, filled: boolean): Description {
  const [a0, a1, a2, a3] = args as [bigint, bigint, bigint, bigint];
  const plain = (...parameters: Parameters): Description => ({ operation: null, parameters });
  /** A command with a pointer to its structure. */
  const command = (
    table: names.Names,
    cmd: number,
    pointer: bigint,
    { from = 0, before = [], after = [] }: { from?: number; before?: Parameters; after?: Parameters } = {},
  ): Description => {
    const operation = table.get(cmd) ?? `operation ${cmd}`;
    const layout = STRUCTURES[operation];
    const inside = layout ? fields(layout, structure, from, filled) : [];
    const unread: Parameters = inside.length === 0 && pointer !== 0n ? [["arg", hex(pointer)]] : [];
    return { operation, parameters: [...before, ...inside, ...unread, ...after] };
  };
  const word = (at: number): number => (structure.byteLength >= at + 4 ? structure.getUint32(at, true) : -1);
  switch (number) {
    case nr.HYPERVISOR_event_channel_op:
      return command(names.EVTCHNOP, low32(a0), a1);
    case nr.HYPERVISOR_event_channel_op_compat:
      return command(names.EVTCHNOP, word(0), a0, { from: 8 });
    case nr.HYPERVISOR_grant_table_op:
      return command(names.GNTTABOP, low32(a0), a1, { after: low32(a2) === 1 ? [] : [["count", String(low32(a2))]] });
    case nr.HYPERVISOR_memory_op:
      return command(names.XENMEM, Number(a0 & 63n), a1);
    case nr.HYPERVISOR_sched_op:
      return command(names.SCHEDOP, low32(a0), a1);
    case nr.HYPERVISOR_sched_op_compat:
      return command(names.SCHEDOP, low32(a0), a1);
    case nr.HYPERVISOR_vcpu_op:
      return command(names.VCPUOP, low32(a0), a2, { before: [["vcpu", String(low32(a1))]] });
    case nr.HYPERVISOR_physdev_op:
      return command(names.PHYSDEVOP, low32(a0), a1);
    case nr.HYPERVISOR_callback_op:
      return command(names.CALLBACKOP, low32(a0), a1);
    case nr.HYPERVISOR_nmi_op:
      return command(names.XENNMI, low32(a0), a1);
    case nr.HYPERVISOR_xen_version:
      return command(names.XENVER, low32(a0), a1);
    case nr.HYPERVISOR_arch_7:
      return {
        operation: names.NATIVE.get(low32(a0)) ?? `operation ${low32(a0)}`,
        parameters: [
          ["a", hex(a1)],
          ["b", hex(a2)],
        ],
      };
    case nr.HYPERVISOR_domctl:
      return {
        ...command(names.DOMCTL, word(0), a0),
        parameters:
          structure.byteLength >= 10 ? [["domain", domidOf(structure.getUint16(8, true))]] : [["arg", hex(a0)]],
      };
    case nr.HYPERVISOR_sysctl:
      return command(names.SYSCTL, word(0), a0);
    case nr.HYPERVISOR_vm_assist:
      return {
        operation: names.VMASST_CMD.get(low32(a0)) ?? `operation ${low32(a0)}`,
        parameters: [["type", names.VMASST_TYPE.get(low32(a1)) ?? String(low32(a1))]],
      };
    case nr.HYPERVISOR_console_io:
      return consoleIo(low32(a0), low32(a1), structure);
    case nr.HYPERVISOR_mmu_update:
      return mmuUpdate(args, structure);
    case nr.HYPERVISOR_mmuext_op:
      return {
        operation: names.MMUEXT.get(word(0)) ?? (word(0) < 0 ? null : `operation ${word(0)}`),
        parameters: [
          ["count", String(low32(a1))],
          ...(structure.byteLength >= 24 ? mmuextArguments(structure) : [["uops", hex(a0)] as const]),
          ["domid", domidOf(low32(a3))],
        ],
      };
    case nr.HYPERVISOR_update_va_mapping:
      return plain(["va", hex(a0)], ["val", hex(a1)], ["flags", hex(a2)]);
    case nr.HYPERVISOR_update_va_mapping_otherdomain:
      return plain(["va", hex(a0)], ["val", hex(a1)], ["flags", hex(a2)], ["domid", domidOf(low32(a3))]);
    case nr.HYPERVISOR_set_timer_op:
      return plain(["timeout", a0 === 0n ? "off" : nanoseconds(a0)]);
    case nr.HYPERVISOR_multicall:
      return plain(["nr_calls", String(low32(a1))], ["call_list", hex(a0)]);
    case nr.HYPERVISOR_set_trap_table:
      return plain(["table", hex(a0)]);
    case nr.HYPERVISOR_set_gdt:
      return plain(["frame_list", hex(a0)], ["entries", String(low32(a1))]);
    case nr.HYPERVISOR_stack_switch:
      return plain(["ss", hex(a0)], ["esp", hex(a1)]);
    case nr.HYPERVISOR_set_callbacks:
      return plain(["event", hex(a0)], ["failsafe", hex(a1)], ["syscall", hex(a2)]);
    case nr.HYPERVISOR_fpu_taskswitch:
      return plain(["set", String(low32(a0))]);
    case nr.HYPERVISOR_set_debugreg:
      return plain(["reg", String(low32(a0))], ["value", hex(a1)]);
    case nr.HYPERVISOR_get_debugreg:
      return plain(["reg", String(low32(a0))]);
    case nr.HYPERVISOR_update_descriptor:
      return plain(["ma", hex(a0)], ["desc", hex(a1)]);
    case nr.HYPERVISOR_set_segment_base: {
      const which = names.SEGBASE.get(low32(a0)) ?? `operation ${low32(a0)}`;
      return { operation: which, parameters: [["base", hex(a1)]] };
    }
    case nr.HYPERVISOR_iret:
      return plain();
    default:
      return plain(...args.map((value, n) => [`arg${n}`, hex(value)] as const));
  }
}

function consoleIo(cmd: number, count: number, text: DataView): Description {
  const operation = names.CONSOLEIO.get(cmd) ?? `operation ${cmd}`;
  const length = Math.min(count, text.byteLength);
  const bytes = new Uint8Array(text.buffer, text.byteOffset, length);
  const shown = JSON.stringify(String.fromCharCode(...bytes)) + (length < count ? "…" : "");
  return {
    operation,
    parameters: [["count", String(count)], ...(length > 0 ? ([["buffer", shown]] as const) : [])],
  };
}

/** The first of its requests; the low bits of `ptr` say which kind it is. */
function mmuUpdate(args: bigint[], first: DataView): Description {
  const count: Parameters = [["count", String(low32(args[1]!) & 0x7fffffff)]];
  const domid = low32(args[3]!);
  // The upper half has the owner of the page tables, as its domid + 1.
  const owner: Parameters = [["domid", domidOf(domid & 0xffff)]];
  if (first.byteLength < 16) return { operation: null, parameters: [...count, ["req", hex(args[0]!)], ...owner] };
  const pointer = first.getBigUint64(0, true);
  return {
    operation: names.MMU.get(Number(pointer & 3n)) ?? null,
    parameters: [...count, ["ptr", hex(pointer & ~3n)], ["val", hex(first.getBigUint64(8, true))], ...owner],
  };
}

function mmuextArguments(first: DataView): Parameters {
  const [one, two] = [first.getBigUint64(8, true), first.getBigUint64(16, true)];
  return [
    ["arg1", hex(one)],
    ["arg2", hex(two)],
  ];
}

function fields(layout: readonly Field[], structure: DataView, from: number, filled: boolean): Parameters {
  const found: Parameters = [];
  for (const [name, offset, kind, out] of layout) {
    if (out && !filled) continue;
    const value = fieldOf(structure, from + offset, kind);
    if (value !== null) found.push([name, value]);
  }
  return found;
}

function sizeOf(kind: Kind): number {
  if (kind === "u8") return 1;
  if (kind === "u16" || kind === "domid" || kind === "status" || kind === "callback") return 2;
  return kind === "u64" || kind === "hex" || kind === "ns" ? 8 : 4;
}

/** Returns null when the record does not reach so far. */
function fieldOf(structure: DataView, at: number, kind: Kind): string | null {
  if (structure.byteLength < at + sizeOf(kind)) return null;
  switch (kind) {
    case "u8":
      return String(structure.getUint8(at));
    case "u16":
      return String(structure.getUint16(at, true));
    case "u32":
      return String(structure.getUint32(at, true));
    case "i32":
      return String(structure.getInt32(at, true));
    case "hex32":
      return hex(structure.getUint32(at, true));
    case "u64":
      return String(structure.getBigUint64(at, true));
    case "hex":
      return hex(structure.getBigUint64(at, true));
    case "ns":
      return nanoseconds(structure.getBigUint64(at, true));
    case "domid":
      return domidOf(structure.getUint16(at, true));
    case "status": {
      const status = structure.getInt16(at, true);
      return names.GNTST.get(status) ?? String(status);
    }
    case "callback": {
      const type = structure.getUint16(at, true);
      return names.CALLBACKTYPE.get(type) ?? String(type);
    }
    default: {
      const value = structure.getUint32(at, true);
      return kind.get(value) ?? String(value);
    }
  }
}

function nanoseconds(value: bigint): string {
  return `${value} ns`;
}
