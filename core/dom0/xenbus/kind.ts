/**
 * What the rest of the house needs to know of a kind of device: one row of the table in `backends/kinds.ts`. Its backend runs in whichever native
 * domain has the device's backend directory; nothing here or in a backend knows which that is.
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

/** A device as in a domain's configuration: what the toolstack writes for both ends besides what every device has. */
export interface DeviceSpec {
  kind: string;
  id: string;
  /** Domain of the backend: a name or domid, as in `backend=`. */
  backend: string;
  front: Nodes;
  back: Nodes;
  /** Files of the host's computer that the device gives to its domain. */
  files: string[];
  /** Folders that it gives to its domain, with everything in them. */
  folders?: string[];
  /** Sockets that it makes on the host's computer. */
  sockets?: string[];
}

/** A specification string that is not understood; `message` says what is wrong and what is allowed. */
export class SpecError extends Error {
  override readonly name = "SpecError";
}

/** The key of xl.cfg(5) whose list holds the devices of a kind. */
export interface DeviceKey {
  readonly key: string;
  /** Parses one string of the list. `before` has the earlier devices of the kind. Throws SpecError. */
  parse(text: string, before: readonly DeviceSpec[]): DeviceSpec;
  /**
   * Returns a string that gives this very device again, in whatever folder it is read. `given` is the string that it came from. If this function is
   * missing, that string is such a one.
   */
  text?(spec: DeviceSpec, given: string): string;
  /** Returns the id of the device with this name in the configuration; null where it is no such name. */
  idOf?(name: string): string | null;
  /** Returns what a string asks for that has no effect here, each as a sentence without its full stop. */
  remarks?(text: string): string[];
  /** Returns the device that other keys of the file ask for; `read` returns their values. null where they ask for none. */
  fromKeys?(read: (key: string) => string | null, before: readonly DeviceSpec[]): DeviceSpec | null;
  /** Returns another device that comes with one of these. `before` has all earlier devices, of every kind. */
  companion?(spec: DeviceSpec, before: readonly DeviceSpec[]): DeviceSpec;
  /** Returns the same device with relative file names taken from this folder. */
  within?(spec: DeviceSpec, folder: string): DeviceSpec;
}

/** The store as a backend uses it. It is in the backend's own domain or reached over a ring, so each result may be a promise. */
export interface BackendStore {
  read(path: string): string | null | Promise<string | null>;
  list(path: string): string[] | Promise<string[]>;
  write(path: string, value: string | number): void | Promise<void>;
  remove(path: string): void | Promise<void>;
  /** Calls `listener` once soon, and then after every change at or below `path`; or else `refused`, once, if the store does not take the watch. */
  watch(path: string, listener: (path: string) => void, refused: (error: Error) => void): () => void;
}

/** What a native domain has for its backends. */
export interface BackendKernel {
  readonly domid: number;
  readonly memory: PhysicalMemory;
  readonly events: EventChannels;
  readonly grants: GrantMap;
  /** For frames that are named by their number and not granted. The domain must be privileged for that. */
  readonly foreign: ForeignFrames;
  readonly store: BackendStore;
  readonly services: DeviceServices;
  /** Nanoseconds since power-on. */
  readonly now: () => number;
}

/** What one backend works with. */
export interface BackendContext extends BackendKernel {
  readonly address: DeviceAddress;
  /** Reads a node of the frontend's, null for none. It may hold anything. */
  front(name: string): Promise<string | null>;
  /** Reads a number of the frontend's, from 0 to `most`; `absent` where there is no such node. Rejects for anything else. */
  frontNumber(name: string, most?: number, absent?: number): Promise<number>;
  /**
   * Reads the grant references of a ring below a directory of the frontend's ("" or "queue-0/"): `ring-ref` for one page, `ring-ref0` and so on for 2
   * ^ `order` pages.
   */
  ringRefs(directory: string, order: number): Promise<number[]>;
  /** Reads a node of the backend's own directory. */
  back(name: string): Promise<string | null>;
  /** Writes nodes into the backend's own directory. */
  publish(nodes: Nodes): Promise<void>;
  /**
   * Maps the pages of a ring by their grant references, if any, and binds to the frontend's port. They are let go of when the frontend is
   * disconnected.
   */
  open(refs: readonly number[], remotePort: number, onEvent: () => void): Channel;
  /** Disconnects the frontend, with the reason in xenstore, because it has broken the protocol or its device can't continue. */
  fail(reason: unknown): void;
  /** Does something in a turn of the event loop that is to come, unless the device has failed or gone by then. What goes wrong there fails the device. */
  later(action: () => void): void;
}

/** One direction of a ring. Its indices wrap freely; what lies between them has not been taken. */
export interface RingDirection {
  /** Name of the structure's fields: "out", "in", "req", "rsp". */
  name: string;
  towards: "backend" | "frontend";
  producer: number;
  consumer: number;
  size: number;
}
/** A ring that is connected, as its backend sees it. */
export interface RingState {
  name: string;
  /** Name of the structure in Xen's public headers. */
  structure: string;
  unit: "bytes" | "requests";
  directions: RingDirection[];
  /** The structure's error word; null where it has none. */
  error: number | null;
  /** The port at the backend's end. */
  port: number;
  pages: readonly (MappedGrant | HeldFrame)[];
}
/** A figure, with its words, about what lies behind a device or what went through it. */
export interface DeviceFigure {
  name: string;
  label: string;
  value: number | string;
  unit: string;
}
export interface BehindState {
  title: string;
  /** The first two are shown in the diagram. */
  figures: DeviceFigure[];
}
/** What went through a device since it was made. Directions are the guest's: "in" is what it reads or receives, "out" what it writes or sends. */
export interface DeviceTraffic {
  readonly medium: "disk" | "network";
  readonly inBytes: number;
  readonly outBytes: number;
  /** Requests or packets. */
  readonly inCount: number;
  readonly outCount: number;
  /** Number of requests that have ended, and the total nanoseconds that they took; null where this is not measured. */
  readonly timed: { readonly count: number; readonly nanoseconds: number } | null;
  /** Number of requests that the backend works on now. */
  readonly inFlight: number;
  /** Number of grants that it has mapped now, including those of its rings. */
  readonly grantsMapped: number;
}
export interface BackendState {
  rings: RingState[];
  behind: BehindState;
  /** null for a device that carries no data of a disk or network. */
  traffic: DeviceTraffic | null;
}

/** The image behind a disk, while no request of its guest is under way. */
export interface HeldImage {
  /** The image that the guest had until now, flushed. */
  readonly store: BlockStore;
  /** The text by which it was opened, as in the node `params`. */
  readonly params: string;
  /**
   * Makes the guest continue with another store, which must show the same bytes. The caller closes the earlier one. Throws StoreError if the device
   * has gone.
   */
  exchange(store: BlockStore, params: string): void;
  /** Takes the guest's requests again. */
  release(): void;
}

/** A file on its way into a folder. In the end it is complete, or nothing of it is there. */
export interface ReceivedFile {
  readonly size: number;
  /** Takes the next bytes. */
  take(offset: number, bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  drop(): Promise<void>;
}

/** The backend of one device. Its methods are called one after the other, except for the events of its channels. */
export interface Backend {
  /** Prepares for a frontend, also for the next one after a disconnect. Returns the nodes that it offers. Rejects when it can't. */
  prepare(): Nodes | Promise<Nodes>;
  /**
   * Called when the frontend has named its rings: opens them. Returns the nodes that go with being connected. Rejects when the frontend's nodes make
   * no sense.
   */
  connect(): Nodes | Promise<Nodes>;
  /** Ends what is under way and forgets the frontend. Its channels are closed afterwards. */
  disconnect(): void | Promise<void>;
  /** Called when the device is gone for good. */
  close(): void | Promise<void>;
  /** Called when the frontend's domain has stopped: takes what the frontend has left without notifying. */
  drain?(): void;
  /** Called when the toolstack wrote a node of the backend's directory other than state and online. */
  changed?(name: string): void | Promise<void>;
  /** Changes the size of what lies behind it to so many bytes, and tells the frontend. Rejects with StoreError when it can't. */
  resize?(bytes: number): Promise<void>;
  /** Rejects with StoreError or SpecError if a drive could not take the medium that this text names, as the node `params` would. */
  checkMedium?(params: string): Promise<void>;
  /** Takes no more requests until the image that lies behind it is released. Rejects with StoreError when it can't. */
  hold?(): Promise<HeldImage>;
  /**
   * Begins to take a file of the host's user into the folder that lies behind it, under that name and in place of a file of that name if `replaces`
   * says so. Rejects with an error that has a code.
   */
  receive?(name: string, size: number, replaces: boolean): Promise<ReceivedFile>;
  /** For a disk, the text by which its image was opened, as in the node `params`; null where it has none. */
  readonly image?: string | null;
  state(): BackendState;
  /** Returns the traffic as in state(), for callers that need nothing else. */
  traffic?(): DeviceTraffic;
}

export interface DeviceKind {
  /** The kind as in xenstore's paths: "vbd". */
  readonly kind: string;
  /** A name for people, such as "Block device". */
  readonly title: string;
  readonly config: DeviceKey | null;
  /** Returns the path of its frontend, if that is not below `device/`. */
  readonly frontendPath?: (address: DeviceAddress) => string;
  /**
   * Returns whether the toolstack sets up both ends of that device before the domain runs; then the frontend has no state, and the backend connects
   * at once.
   */
  readonly isWired?: (id: string) => boolean;
  /**
   * Returns the backend's nodes when a kernel in another domain has the backend, as libxl writes them for a driver domain. If it is missing, they are
   * the same as here. `isNative` says that it is a native domain. Throws SpecError for what such a backend can't have.
   */
  readonly elsewhere?: (spec: DeviceSpec, isNative: boolean) => Nodes;
  /**
   * Whether its backend in a native domain can take the place of an earlier one while requests are on their way. It must know which those are: by a
   * record (request-record.ts), or because it answers in the order of the ring's slots and may do again what the earlier one has done.
   */
  readonly goesOnWithRequests?: boolean;
  /**
   * Whether a guest goes on with another device in the place of one whose backend has ended, whatever was on its way there. What was on its way is lost
   * then, and nobody may wait for it.
   */
  readonly isReplaceable?: boolean;
  create(context: BackendContext): Backend;
}
