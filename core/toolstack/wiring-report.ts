/** What wiring.ts reports. Types only: safe to import anywhere. */
import type { HandshakeSummary } from "../dom0/xenstore/handshakes.ts";
import type { GrantReport, GrantTableReport, PortReport } from "../dom0/kernel/observe.ts";

export type {
  DeviceHandshake,
  DomainHandshakes,
  HandshakeSide,
  HandshakeStep,
  HandshakeSummary,
} from "../dom0/xenstore/handshakes.ts";
export type GrantWiring = GrantReport;
export type GrantTableWiring = GrantTableReport;

/** Counts are since it was bound and from the domain's own side; null where dom0 is at neither end. */
export interface PortWiring extends PortReport {
  received: number | null;
  sent: number | null;
}

/** One direction of a ring. Indices run freely (u32); what lies between them has not been taken. */
export interface RingDirection {
  /** As the structure's fields are called: "out", "in", "req", "rsp". */
  name: string;
  towards: "backend" | "frontend";
  producer: number;
  consumer: number;
  size: number;
}
export interface RingWiring {
  /** Of Xen's public headers. */
  structure: string;
  mfn: number;
  directions: RingDirection[];
  /** The structure's error word; null where it has none. */
  error: number | null;
}

export interface DeviceWiring {
  kind: "console" | "xenstore";
  /** The frontend's domain. */
  domid: number;
  name: string;
  /** Why the frontend's domain does not run; null when it may. */
  halted: "paused" | "shut down" | "crashed" | "dying" | null;
  frontendPath: string;
  /** null for xenstore, whose other end is xenstored itself. */
  backendPath: string | null;
  /** XenbusState, as the backend wrote it. */
  backendState: string | null;
  ring: RingWiring;
  frontendPort: PortWiring | null;
  backendPort: PortWiring | null;
  grantRef: number;
  /** As the domain's table has it now; null when it is there no more. */
  grant: GrantWiring | null;
  /** dom0's handle of the mapping. */
  mapHandle: number;
  behind:
    | { kind: "log"; keptBytes: number; streamBytes: number; waitingInput: number }
    | {
        kind: "store";
        nodes: number;
        watches: number;
        transactions: number;
        requests: number;
        watchEvents: number;
        waitingReplies: number;
      };
}

export interface DomainWiring {
  /** Nanoseconds since power-on. */
  time: number;
  domid: number;
  name: string;
  eventAbi: "2-level" | "FIFO";
  ports: PortWiring[];
  grants: GrantTableWiring;
  /** The domain's own; dom0's are those that it is the backend of. */
  devices: DeviceWiring[];
  /** Devices of those domains whose handshake is known, also those that are gone. */
  handshakes: HandshakeSummary[];
  /** Domains whose devices dom0 is the backend of and that are left out. */
  moreDomains: number;
}
