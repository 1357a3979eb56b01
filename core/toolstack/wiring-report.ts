/** What wiring.ts reports. There are only types here, so every file may import this one. */
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

/** The counts begin when the port was bound and are those of the domain's own side. They are null if dom0 is at neither end. */
export interface PortWiring extends PortReport {
  received: number | null;
  sent: number | null;
}

/** A grant that a backend has mapped. */
export interface MappedGrantWiring {
  ref: number;
  /** The grant as the domain's table has it now; null if it is no longer there. */
  grant: GrantWiring | null;
  mfn: number;
  /** The backend's handle of the mapping. */
  handle: number;
}
/** A ring that is connected: what is shared, and the event channel that belongs to it. */
export interface RingWiring extends Omit<RingState, "port" | "pages"> {
  /** The numbers of the machine frames that are shared, in order. */
  frames: number[];
  /** The frames that are granted. The page of a framebuffer is named by its frame instead. */
  grants: MappedGrantWiring[];
  frontendPort: PortWiring | null;
  backendPort: PortWiring | null;
}

export interface DeviceWiring {
  /** As in the paths of xenstore, or "xenstore". */
  kind: string;
  id: string;
  /** The name for users, such as "Block device". */
  title: string;
  /** The guest's name for it, where its configuration gives one, such as "xvda". */
  vdev: string | null;
  /** The names of its two ends. */
  frontendTitle: string;
  backendTitle: string;
  /** The domain of the frontend. */
  domid: number;
  name: string;
  backendDomid: number;
  backendName: string;
  /** Why the frontend's domain does not run; null if it may run. */
  halted: "paused" | "shut down" | "crashed" | "dying" | null;
  frontendPath: string;
  /** null for xenstore, whose other end is xenstored itself. */
  backendPath: string | null;
  /** The XenbusStates as they were written into xenstore; null if there is none. */
  frontendState: string | null;
  backendState: string | null;
  /** Why its backend has closed, or why it has none; null while it works. */
  problem: string | null;
  /** Empty while it is not connected, or if its backend is in another domain. */
  rings: RingWiring[];
  behind: BehindState | null;
  /** null if its backend is in another domain or does not count anything. */
  traffic: DeviceTraffic | null;
}

/** One line of `xl block-list` and similar commands. */
export interface DeviceEntry {
  kind: string;
  id: string;
  backendDomid: number;
  frontendPath: string;
  backendPath: string;
  /** The XenbusState that was written last; 0 if there is none. */
  frontendState: number;
  backendState: number;
  /** The guest's port and ring references as its frontend wrote them; null if there are none. */
  eventChannel: string | null;
  ringRef: string | null;
  /** Why its backend has closed, or why it has none; null while it works. */
  problem: string | null;
}

export interface DomainWiring {
  /** Nanoseconds since power-on. */
  time: number;
  domid: number;
  name: string;
  eventAbi: "2-level" | "FIFO";
  ports: PortWiring[];
  grants: GrantTableWiring;
  /** The domain's own devices, and those of which it has the backend. */
  devices: DeviceWiring[];
  /** The devices of these domains whose handshake is known, also those that are gone. */
  handshakes: HandshakeSummary[];
  /** The number of domains for which it has backends and that are left out. */
  moreDomains: number;
}
