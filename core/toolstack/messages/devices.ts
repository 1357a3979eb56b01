/** Messages about the devices of domains: consoles, disks and screens, and how each is wired. */
import type { VncAddress } from "../../dom0/display/screens.ts";
import type { DeviceEntry, DeviceHandshake, DomainHandshakes, DomainWiring } from "../wiring-report.ts";

export interface ConsoleSnapshot {
  /** The bytes that are still kept, oldest first. */
  log: Uint8Array;
  /** The offsets in the stream of the first byte of `log` and of the byte after the last one. */
  start: number;
  end: number;
}

/** What has changed on a screen since it was last looked at, or a part of that. */
export interface ScreenPart {
  /** The size of the whole screen now. */
  width: number;
  height: number;
  /** Whether a guest draws on it. Otherwise it is black. */
  isConnected: boolean;
  /** x, y, width and height of each. */
  rectangles: [number, number, number, number][];
  /** The pixels of the rectangles, one rectangle after the other, row by row: bytes red, green, blue and 255. */
  pixels: Uint8Array;
}

export interface SharedFolderFacts {
  tag: string;
  path: string;
  /** Whether the guest may only read it. */
  isReadOnly: boolean;
  /** The name of its domain. */
  domain: string;
}

/** Requests: name → arguments and result. */
export interface DeviceRequests {
  /**
   * Returns the log so far. From then on, `console` events carry the output of that console until consoleDetach. `console` is the number of the
   * console, 0 if it is not given.
   */
  consoleAttach: { args: { domid: number; console?: number | undefined }; result: ConsoleSnapshot };
  consoleDetach: { args: { domid: number; console?: number | undefined }; result: null };
  consoleInput: { args: { domid: number; bytes: Uint8Array; console?: number | undefined }; result: null };
  /** The logs of domains that exist and that are gone, which consoleAttach takes. A log outlives its domain. */
  consoleLogs: {
    args: Record<string, never>;
    result: { domid: number; name: string; bytes: number; alive: boolean }[];
  };
  /**
   * Attaches a device while the domain runs. `key` is a key of xl.cfg, `spec` one string of its list, and relative files are taken from `folder`. A
   * detach answers ETIMEDOUT if the guest does not give the device up; with `force` the guest is not asked.
   */
  deviceAttach: {
    args: { domid: number; key: string; spec: string; folder: string };
    result: { kind: string; id: string };
  };
  deviceDetach: { args: { domid: number; key: string; device: string; force?: boolean }; result: null };
  deviceList: { args: { domid: number; kind: string }; result: DeviceEntry[] };
  /** Puts another medium into a drive, or none if the string has no target. */
  mediumInsert: { args: { domid: number; key: string; spec: string; folder: string }; result: null };
  /** Makes a disk of a running domain larger and tells its guest. `device` is its id or a name like xvda, and `bytes` a multiple of 512. */
  diskResize: { args: { domid: number; device: string; bytes: number }; result: null };
  /** The folder that a shared folder's device stands for. `tag` is the name by which the guest mounts it. */
  sharedFolder: { args: { domid: number; device: string }; result: SharedFolderFacts };
  /**
   * Puts a file into a shared folder of a domain, in pieces, in order. Until the end it has another name there. EEXIST: there is a file of that name,
   * and it is not to be replaced.
   */
  sharedFileBegin: {
    args: { domid: number; device: string; name: string; size: number; replaces: boolean };
    result: { file: number };
  };
  sharedFileChunk: { args: { file: number; offset: number; bytes: Uint8Array }; result: null };
  sharedFileEnd: { args: { file: number }; result: null };
  sharedFileDrop: { args: { file: number }; result: null };
  /**
   * Begins to look at the screen of a domain, until displayClose. `id` is that of the framebuffer; the first one is taken if it is left out. ENODEV:
   * the domain has none.
   */
  displayOpen: { args: { domid: number; id?: string }; result: { viewer: number; vnc: VncAddress | null } };
  /** Returns what has changed on the screen since the last part, as soon as something has, at most thirty times a second. */
  displayPart: { args: { viewer: number }; result: ScreenPart };
  displayClose: { args: { viewer: number }; result: null };
  /** A key in Linux's numbering (KEY_*). */
  displayKey: { args: { viewer: number; keycode: number; isDown: boolean }; result: null };
  /** In pixels of the screen. `buttons`: 1 left, 2 middle, 4 right. `wheel`: steps downwards. */
  displayPointer: {
    args: { viewer: number; x: number; y: number; buttons: number; wheel: number };
    result: null;
  };
  /** Releases all keys and buttons that this viewer has pressed. */
  displayRelease: { args: { viewer: number }; result: null };
  wiring: { args: { domid: number }; result: DomainWiring };
  /**
   * What frontends and backends of the domain's devices wrote into xenstore, also if the domain is gone: first a list of its devices, then one of
   * them.
   */
  handshakes: { args: { domid: number }; result: DomainHandshakes };
  handshake: { args: { domid: number; kind: string; id: string }; result: DeviceHandshake };
}
