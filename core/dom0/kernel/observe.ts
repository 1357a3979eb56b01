/**
 * What a control domain may see of the event channels and grants of other domains, by hypercalls that only report. Nothing here changes anything in
 * them.
 */
import {
  GNTST_okay,
  GNTTABOP_get_version,
  GNTTABOP_query_size,
  GNTTAB_GET_VERSION_DOM,
  GNTTAB_GET_VERSION_SIZE,
  GNTTAB_GET_VERSION_VERSION,
  GNTTAB_QUERY_SIZE_DOM,
  GNTTAB_QUERY_SIZE_MAX_NR_FRAMES,
  GNTTAB_QUERY_SIZE_NR_FRAMES,
  GNTTAB_QUERY_SIZE_SIZE,
  GNTTAB_QUERY_SIZE_STATUS,
  GRANT_ENTRY_HEADER_DOMID,
  GRANT_ENTRY_HEADER_FLAGS,
  GRANT_ENTRY_V1_FRAME,
  GRANT_ENTRY_V1_SIZE,
  GRANT_ENTRY_V2_FULL_PAGE_FRAME,
  GRANT_ENTRY_V2_SIZE,
  GTF_reading,
  GTF_readonly,
  GTF_type_mask,
  GTF_writing,
} from "../../abi/grant_table.ts";
import * as native from "../../hypervisor/abi/native.ts";
import {
  EVTCHNOP_status,
  EVTCHN_STATUS_DOM,
  EVTCHN_STATUS_INTERDOMAIN_DOM,
  EVTCHN_STATUS_INTERDOMAIN_PORT,
  EVTCHN_STATUS_PORT,
  EVTCHN_STATUS_SIZE,
  EVTCHN_STATUS_STATUS,
  EVTCHN_STATUS_UNBOUND_DOM,
  EVTCHN_STATUS_VCPU,
  EVTCHN_STATUS_VIRQ,
} from "../../abi/event_channel.ts";
import { HYPERVISOR_arch_7, HYPERVISOR_event_channel_op, HYPERVISOR_grant_table_op } from "../../abi/xen.ts";
import { HypercallError } from "./errno.ts";
import type { Hypercalls } from "./hypercalls.ts";
import { PAGE_SIZE, type FrameAllocator, type PhysicalMemory } from "./memory.ts";
import { type ForeignFrames } from "./native.ts";

/** By EVTCHNSTAT_*, as EVTCHNOP_status returns them. */
const STATES = ["closed", "unbound", "interdomain", "pirq", "virq", "ipi"] as const;
export type PortState = (typeof STATES)[number];

/** One end of an event channel. */
export interface PortReport {
  port: number;
  state: PortState;
  /** The vCPU that gets the events of the port. */
  vcpu: number;
  /** For an unbound port the domain that may bind to it, and for an interdomain port the domain at the other end. */
  remoteDomid: number | null;
  remotePort: number | null;
  virq: number | null;
  pending: boolean;
  masked: boolean;
}

/** One entry of a grant table that is in use. */
export interface GrantReport {
  ref: number;
  kind: "permit_access" | "accept_transfer" | "transitive";
  /** The domain that may use it. */
  domid: number;
  readonly: boolean;
  /** Whether it is mapped or copied at this moment, for reading and for writing. */
  reading: boolean;
  writing: boolean;
  mfn: number;
}
export interface GrantTableReport {
  version: number;
  frames: number;
  maxFrames: number;
  entries: GrantReport[];
  /** The number of entries in use that are not listed. */
  more: number;
}

const MOST_PORTS = 1024;
const MOST_GRANT_FRAMES = 32;
const MOST_GRANTS = 128;
const GRANT_KINDS = ["", "permit_access", "accept_transfer", "transitive"] as const;

export class Observer {
  readonly #hypercalls: Hypercalls;
  readonly #memory: PhysicalMemory;
  readonly #foreign: ForeignFrames;
  readonly #struct: number;

  /** Takes a frame for the structures of its hypercalls. */
  constructor(hypercalls: Hypercalls, foreign: ForeignFrames, frames: FrameAllocator) {
    this.#hypercalls = hypercalls;
    this.#memory = hypercalls.memory;
    this.#foreign = foreign;
    this.#struct = frames.allocate() * PAGE_SIZE;
  }

  /** Returns null if the domain has no port of that number. */
  port(domid: number, port: number): PortReport | null {
    const at = this.#zeroed(EVTCHN_STATUS_SIZE);
    this.#memory.set16(at + EVTCHN_STATUS_DOM, domid);
    this.#memory.set32(at + EVTCHN_STATUS_PORT, port);
    let bits: number;
    try {
      this.#hypercalls.call("event channel status", HYPERVISOR_event_channel_op, EVTCHNOP_status, at);
      bits = this.#bits(domid, port);
    } catch (error) {
      if (error instanceof HypercallError && error.code === "EINVAL") return null;
      throw error;
    }
    const state = STATES[this.#memory.get32(at + EVTCHN_STATUS_STATUS)] ?? "closed";
    const remote =
      state === "unbound" ? EVTCHN_STATUS_UNBOUND_DOM : state === "interdomain" ? EVTCHN_STATUS_INTERDOMAIN_DOM : null;
    return {
      port,
      state,
      vcpu: this.#memory.get32(at + EVTCHN_STATUS_VCPU),
      remoteDomid: remote === null ? null : this.#memory.get16(at + remote),
      remotePort: state === "interdomain" ? this.#memory.get32(at + EVTCHN_STATUS_INTERDOMAIN_PORT) : null,
      virq: state === "virq" ? this.#memory.get32(at + EVTCHN_STATUS_VIRQ) : null,
      pending: (bits & native.PORT_BITS_pending) !== 0,
      masked: (bits & native.PORT_BITS_masked) !== 0,
    };
  }

  /** Returns all ports that are not closed. It looks at `MOST_PORTS` ports. */
  ports(domid: number): PortReport[] {
    const found: PortReport[] = [];
    for (let number = 1; number < MOST_PORTS; number++) {
      const port = this.port(domid, number);
      if (!port) break;
      if (port.state !== "closed") found.push(port);
    }
    return found;
  }

  eventAbi(domid: number): "2-level" | "FIFO" {
    return this.#bits(domid, 0) & native.PORT_BITS_fifo ? "FIFO" : "2-level";
  }

  /** Returns the entries in use, up to a limit. `wanted` are references that are among them in any case. */
  grants(domid: number, wanted: ReadonlySet<number> = new Set()): GrantTableReport {
    const { frames, maxFrames } = this.#grantTableSize(domid);
    const version = this.#grantTableVersion(domid);
    const size = version === 2 ? GRANT_ENTRY_V2_SIZE : GRANT_ENTRY_V1_SIZE;
    const entries: GrantReport[] = [];
    let more = 0;
    // No more frames than the domain has, because asking for one more would make it.
    const mfns = this.#hypercalls.grants.setupTable(domid, Math.min(frames, MOST_GRANT_FRAMES));
    const perFrame = PAGE_SIZE / size;
    mfns.forEach((mfn, i) =>
      this.#foreign.with(domid, mfn, (address) => {
        for (let n = 0; n < perFrame; n++) {
          const entry = this.#entry(address + n * size, i * perFrame + n, version);
          if (!entry) continue;
          if (entries.length < MOST_GRANTS || wanted.has(entry.ref)) entries.push(entry);
          else more++;
        }
      }),
    );
    return { version, frames, maxFrames, entries, more };
  }

  #entry(at: number, ref: number, version: number): GrantReport | null {
    const flags = this.#memory.get16(at + GRANT_ENTRY_HEADER_FLAGS);
    const kind = GRANT_KINDS[flags & GTF_type_mask]!;
    if (kind === "") return null;
    return {
      ref,
      kind,
      domid: this.#memory.get16(at + GRANT_ENTRY_HEADER_DOMID),
      readonly: (flags & GTF_readonly) !== 0,
      reading: (flags & GTF_reading) !== 0,
      writing: (flags & GTF_writing) !== 0,
      mfn:
        version === 2
          ? Number(this.#memory.get64(at + GRANT_ENTRY_V2_FULL_PAGE_FRAME))
          : this.#memory.get32(at + GRANT_ENTRY_V1_FRAME),
    };
  }

  #bits(domid: number, port: number): number {
    return this.#hypercalls.call("event channel bits", HYPERVISOR_arch_7, native.NATIVE_port_bits, domid, port);
  }

  #grantTableSize(domid: number): { frames: number; maxFrames: number } {
    const at = this.#zeroed(GNTTAB_QUERY_SIZE_SIZE);
    this.#memory.set16(at + GNTTAB_QUERY_SIZE_DOM, domid);
    this.#hypercalls.call("query_size", HYPERVISOR_grant_table_op, GNTTABOP_query_size, at, 1);
    const status = (this.#memory.get16(at + GNTTAB_QUERY_SIZE_STATUS) << 16) >> 16;
    if (status !== GNTST_okay) throw new Error(`grant table of domain ${domid}: query_size says GNTST ${status}`);
    return {
      frames: this.#memory.get32(at + GNTTAB_QUERY_SIZE_NR_FRAMES),
      maxFrames: this.#memory.get32(at + GNTTAB_QUERY_SIZE_MAX_NR_FRAMES),
    };
  }

  #grantTableVersion(domid: number): number {
    const at = this.#zeroed(GNTTAB_GET_VERSION_SIZE);
    this.#memory.set16(at + GNTTAB_GET_VERSION_DOM, domid);
    this.#hypercalls.call("get_version", HYPERVISOR_grant_table_op, GNTTABOP_get_version, at, 1);
    return this.#memory.get32(at + GNTTAB_GET_VERSION_VERSION);
  }

  #zeroed(size: number): number {
    this.#memory.zero(this.#struct, size);
    return this.#struct;
  }
}
