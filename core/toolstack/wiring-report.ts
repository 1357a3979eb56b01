/** What wiring.ts reports. Types only: safe to import anywhere. */
import type { HandshakeSummary } from "../dom0/xenstore/handshakes.ts";
import type { GrantReport, GrantTableReport, PortReport } from "../dom0/kernel/observe.ts";

import type { BehindState, DeviceTraffic, RingState } from "../dom0/xenbus/kind.ts";

export type { BehindState, DeviceFigure, DeviceTraffic, RingDirection } from "../dom0/xenbus/kind.ts";
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

/** A grant that a backend has mapped. */
export interface MappedGrantWiring {
  ref: number;
  /** As the domain's table has it now; null when it is there no more. */
  grant: GrantWiring | null;
  mfn: number;
  /** The backend's handle of the mapping. */
  handle: number;
}
/** A ring that is connected: what is shared, and the event channel that goes with it. */
export interface RingWiring extends Omit<RingState, "port" | "pages"> {
  /** Numbers of the machine frames that are shared, in order. */
  frames: number[];
  /** Those that are granted: a framebuffer's page is named by its frame. */
  grants: MappedGrantWiring[];
  frontendPort: PortWiring | null;
  backendPort: PortWiring | null;
}

export interface DeviceWiring {
  /** As in xenstore's paths, or "xenstore". */
  kind: string;
  id: string;
  /** For people: "Block device". */
  title: string;
  /** What the guest calls it, where its configuration says so: "xvda". */
  vdev: string | null;
  /** What its ends are called. */
  frontendTitle: string;
  backendTitle: string;
  /** The frontend's domain. */
  domid: number;
  name: string;
  backendDomid: number;
  backendName: string;
  /** Why the frontend's domain does not run; null when it may. */
  halted: "paused" | "shut down" | "crashed" | "dying" | null;
  frontendPath: string;
  /** null for xenstore, whose other end is xenstored itself. */
  backendPath: string | null;
  /** XenbusStates as written into xenstore; null where there is none. */
  frontendState: string | null;
  backendState: string | null;
  /** Why the backend closed it; null while it works. */
  problem: string | null;
  /** None while it is not connected, or where its backend is another domain's. */
  rings: RingWiring[];
  behind: BehindState | null;
  /** null where its backend is another domain's, or counts none. */
  traffic: DeviceTraffic | null;
}

/** One line of `xl block-list` and its kin. */
export interface DeviceEntry {
  kind: string;
  id: string;
  backendDomid: number;
  frontendPath: string;
  backendPath: string;
  /** XenbusState as last written; 0 for none. */
  frontendState: number;
  backendState: number;
  /** The guest's port and ring references, as its frontend wrote them; null where there are none. */
  eventChannel: string | null;
  ringRef: string | null;
}

export interface DomainWiring {
  /** Nanoseconds since power-on. */
  time: number;
  domid: number;
  name: string;
  eventAbi: "2-level" | "FIFO";
  ports: PortWiring[];
  grants: GrantTableWiring;
  /** The domain's own, and those that it is the backend of. */
  devices: DeviceWiring[];
  /** Devices of those domains whose handshake is known, also those that are gone. */
  handshakes: HandshakeSummary[];
  /** Domains that it has backends for and that are left out. */
  moreDomains: number;
}
