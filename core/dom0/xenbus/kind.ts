/**
 * What a kind of device is to the rest of the house: one row of the table in `backends/kinds.ts`. Its backend runs in whichever
 * native domain has the device's backend directory; nothing here or in a backend knows which that is.
 */
import type { EventChannels } from "../kernel/events.ts";
import type { GrantMap, MappedGrant } from "../kernel/grants.ts";
import type { PhysicalMemory } from "../kernel/memory.ts";
import type { ForeignFrames, HeldFrame } from "../kernel/native.ts";
import type { DeviceServices } from "../backends/services.ts";
import type { BlockStore } from "../storage/block-store.ts";
import type { DeviceAddress } from "./address.ts";
import type { Channel } from "./channel.ts";

/** Values of nodes below a device's directory, by name. */
export type Nodes = Record<string, string | number | undefined>;

/** A device as a domain's configuration has it: what the toolstack writes for both ends beside what every device has. */
export interface DeviceSpec {
  kind: string;
  id: string;
  /** Domain of its backend: a name or domid, as in `backend=`. */
  backend: string;
  front: Nodes;
  back: Nodes;
  /** Files of the host's computer that the device gives its domain. */
  files: string[];
  /** Folders of it, with everything that is in them. */
  folders?: string[];
  /** Sockets that it makes there. */
  sockets?: string[];
}

/** A specification string that is not understood; `message` says what is wrong and what is allowed. */
export class SpecError extends Error {
  override readonly name = "SpecError";
}

/** The key of xl.cfg(5) whose list holds the devices of a kind. */
export interface DeviceKey {
  readonly key: string;
  /** One string of the list. `before`: the devices of the kind that came earlier. Throws SpecError. */
  parse(text: string, before: readonly DeviceSpec[]): DeviceSpec;
  /** A string that gives this very device again, whatever folder it is read in; `given`: the one that it comes from. Left out: that one does. */
  text?(spec: DeviceSpec, given: string): string;
  /** The id of a device that the configuration calls so; null where it is no such name. */
  idOf?(name: string): string | null;
  /** What a string asks for that changes nothing here: each a sentence without its full stop. */
  remarks?(text: string): string[];
  /** The device that other keys of the file ask for by themselves, `read` gives their values; null where they ask for none. */
  fromKeys?(read: (key: string) => string | null, before: readonly DeviceSpec[]): DeviceSpec | null;
  /** Another device that comes with one of these. `before`: all devices that came earlier, of every kind. */
  companion?(spec: DeviceSpec, before: readonly DeviceSpec[]): DeviceSpec;
  /** The same with relative names of files taken from this folder. */
  within?(spec: DeviceSpec, folder: string): DeviceSpec;
}

/** The store as a backend uses it. In its own domain's xenstored or over a ring: therefore each result may be a promise. */
export interface BackendStore {
  read(path: string): string | null | Promise<string | null>;
  list(path: string): string[] | Promise<string[]>;
  write(path: string, value: string | number): void | Promise<void>;
  remove(path: string): void | Promise<void>;
  watch(path: string, listener: (path: string) => void): () => void;
}

/** What a native domain has for its backends. */
export interface BackendKernel {
  readonly domid: number;
  readonly memory: PhysicalMemory;
  readonly events: EventChannels;
  readonly grants: GrantMap;
  /** For what is named by its frame and not granted. The domain must be privileged for that. */
  readonly foreign: ForeignFrames;
  readonly store: BackendStore;
  readonly services: DeviceServices;
  /** Nanoseconds since power-on. */
  readonly now: () => number;
}

/** What one backend works with. */
export interface BackendContext extends BackendKernel {
  readonly address: DeviceAddress;
  /** A node of the frontend's, null for none. It may hold anything. */
  front(name: string): Promise<string | null>;
  /** A number of the frontend's, from 0 to `most`; `absent` where there is no such node. Rejects for anything else. */
  frontNumber(name: string, most?: number, absent?: number): Promise<number>;
  /**
   * The grant references of a ring below a directory of the frontend's ("" or "queue-0/"): `ring-ref` for one page, `ring-ref0` and so on
   * for 2 ^ `order`.
   */
  ringRefs(directory: string, order: number): Promise<number[]>;
  /** A node of the backend's own directory. */
  back(name: string): Promise<string | null>;
  /** Writes into the backend's own directory. */
  publish(nodes: Nodes): Promise<void>;
  /** Maps the pages of a ring by their grant references, if any, and binds to the frontend's port. Let go of with the connection. */
  open(refs: readonly number[], remotePort: number, onEvent: () => void): Channel;
  /** The frontend broke the protocol, or its device can't go on: disconnects it, with the reason in xenstore. */
  fail(reason: unknown): void;
}

/** One direction of a ring: indices run freely. What lies between them has not been taken. */
export interface RingDirection {
  /** As the structure's fields are called: "out", "in", "req", "rsp". */
  name: string;
  towards: "backend" | "frontend";
  producer: number;
  consumer: number;
  size: number;
}
/** A ring that is connected, as its backend sees it. */
export interface RingState {
  name: string;
  /** Of Xen's public headers. */
  structure: string;
  unit: "bytes" | "requests";
  directions: RingDirection[];
  /** The structure's error word; null where it has none. */
  error: number | null;
  /** The backend's end. */
  port: number;
  pages: readonly (MappedGrant | HeldFrame)[];
}
/** What lies behind a device, or what went through it: a figure with its words. */
export interface DeviceFigure {
  name: string;
  label: string;
  value: number | string;
  unit: string;
}
export interface BehindState {
  title: string;
  /** The first two stand in the diagram. */
  figures: DeviceFigure[];
}
/** What went through a device since it was made. Directions are the guest's: it reads or receives, and writes or sends. */
export interface DeviceTraffic {
  readonly medium: "disk" | "network";
  readonly inBytes: number;
  readonly outBytes: number;
  /** Requests or packets. */
  readonly inCount: number;
  readonly outCount: number;
  /** Requests that have ended and the nanoseconds that they took together; null where nobody times them. */
  readonly timed: { readonly count: number; readonly nanoseconds: number } | null;
  /** Requests that the backend works on now. */
  readonly inFlight: number;
  /** Grants that it has mapped now, its rings' included. */
  readonly grantsMapped: number;
}
export interface BackendState {
  rings: RingState[];
  behind: BehindState;
  /** null for what carries no disk's or network's data. */
  traffic: DeviceTraffic | null;
}

/** The image behind a disk, while no request of its guest's is under way. */
export interface HeldImage {
  /** What the guest had until now, flushed. */
  readonly store: BlockStore;
  /** What it was opened by, as in the node `params`. */
  readonly params: string;
  /** The guest goes on with that one, which must show the same bytes. The caller closes the one before. Throws StoreError if the device has gone. */
  exchange(store: BlockStore, params: string): void;
  /** The guest's requests are taken again. */
  release(): void;
}

/** The backend of one device. Its methods are called one after the other, except the events of its channels. */
export interface Backend {
  /** Gets ready for a frontend, also for the next one after a disconnect: the nodes that it offers. Rejects when it can't. */
  prepare(): Nodes | Promise<Nodes>;
  /** The frontend has named its rings: opens them; the nodes that go with being connected. Rejects when that makes no sense. */
  connect(): Nodes | Promise<Nodes>;
  /** Ends what is under way and forgets the frontend; its channels are closed afterwards. */
  disconnect(): void | Promise<void>;
  /** The device is gone for good. */
  close(): void | Promise<void>;
  /** The frontend's domain has stopped: takes what it left without saying so. */
  drain?(): void;
  /** The toolstack wrote a node of the backend's directory other than state and online. */
  changed?(name: string): void | Promise<void>;
  /** What lies behind it becomes so many bytes, and the frontend is told. Rejects with StoreError when it can't. */
  resize?(bytes: number): Promise<void>;
  /** Takes no more of its rings until the image that lies behind it is released. Rejects with StoreError when it can't. */
  hold?(): Promise<HeldImage>;
  /** Of a disk: what its image was opened by, as in the node `params`; null where it has none. */
  readonly image?: string | null;
  state(): BackendState;
  /** As in state(), for who wants no more of it. */
  traffic?(): DeviceTraffic;
}

export interface DeviceKind {
  /** As in xenstore's paths: "vbd". */
  readonly kind: string;
  /** For people: "Block device". */
  readonly title: string;
  readonly config: DeviceKey | null;
  /** Where its frontend is, for what is not below `device/`. */
  readonly frontendPath?: (address: DeviceAddress) => string;
  /** Whether the toolstack wires both ends of that one before the domain runs: the frontend has no state, the backend connects at once. */
  readonly isWired?: (id: string) => boolean;
  /**
   * The backend's nodes where a kernel of another domain's has the backend: as libxl writes them for a driver domain. Left out: the same as
   * here. Throws SpecError for what such a backend can't have.
   */
  readonly elsewhere?: (spec: DeviceSpec) => Nodes;
  create(context: BackendContext): Backend;
}
