/** What is said of the devices of domains: consoles, disks and screens, and how each is wired. */
import type { VncAddress } from "../../dom0/display/screens.ts";
import type { DeviceEntry, DeviceHandshake, DomainHandshakes, DomainWiring } from "../wiring-report.ts";

export interface ConsoleSnapshot {
  /** Bytes still kept, oldest first. */
  log: Uint8Array;
  /** Stream offset of the first and one past the last byte of `log`. */
  start: number;
  end: number;
}

/** What of a screen has changed since it was last looked at, or a part of that. */
export interface ScreenPart {
  /** Of the whole screen now. */
  width: number;
  height: number;
  /** A guest draws on it; else it is black. */
  isConnected: boolean;
  /** x, y, width and height each. */
  rectangles: [number, number, number, number][];
  /** Of the rectangles one after the other, row by row: bytes red, green, blue and 255. */
  pixels: Uint8Array;
}

/** Requests: name → arguments and result. */
export interface DeviceRequests {
  /** The log so far; from then on `console` events carry that console's output until consoleDetach. `console`: its number, 0 unless said. */
  consoleAttach: { args: { domid: number; console?: number | undefined }; result: ConsoleSnapshot };
  consoleDetach: { args: { domid: number; console?: number | undefined }; result: null };
  consoleInput: { args: { domid: number; bytes: Uint8Array; console?: number | undefined }; result: null };
  /** Logs of domains, living and gone: what consoleAttach takes (logs outlive their domain). */
  consoleLogs: {
    args: Record<string, never>;
    result: { domid: number; name: string; bytes: number; alive: boolean }[];
  };
  /**
   * A device comes while the domain runs: `key` of xl.cfg, one string of its list, and the folder that relative files are taken from.
   * ETIMEDOUT when a guest does not let go of what is to be detached; with `force` nobody asks it.
   */
  deviceAttach: {
    args: { domid: number; key: string; spec: string; folder: string };
    result: { kind: string; id: string };
  };
  deviceDetach: { args: { domid: number; key: string; device: string; force?: boolean }; result: null };
  deviceList: { args: { domid: number; kind: string }; result: DeviceEntry[] };
  /** Another medium into a drive, or none where the string has no target. */
  mediumInsert: { args: { domid: number; key: string; spec: string; folder: string }; result: null };
  /** A disk of a running domain becomes larger, and its guest is told; `device` is its id or as xvda, `bytes` a multiple of 512. */
  diskResize: { args: { domid: number; device: string; bytes: number }; result: null };
  /** Looks at a domain's screen until displayClose; `id`: of the framebuffer, the first if left out. ENODEV: it has none. */
  displayOpen: { args: { domid: number; id?: string }; result: { viewer: number; vnc: VncAddress | null } };
  /** What has changed on it since the last part; answered when something has, at most thirty times a second. */
  displayPart: { args: { viewer: number }; result: ScreenPart };
  displayClose: { args: { viewer: number }; result: null };
  /** A key of Linux's numbering (KEY_*). */
  displayKey: { args: { viewer: number; keycode: number; isDown: boolean }; result: null };
  /** In the screen's pixels; `buttons`: 1 left, 2 middle, 4 right; `wheel`: steps down. */
  displayPointer: {
    args: { viewer: number; x: number; y: number; buttons: number; wheel: number };
    result: null;
  };
  /** Lets go of all keys and buttons that were pressed through it. */
  displayRelease: { args: { viewer: number }; result: null };
  wiring: { args: { domid: number }; result: DomainWiring };
  /** What frontends and backends of the domain's devices wrote into xenstore, also when it is gone: its devices, then one of them. */
  handshakes: { args: { domid: number }; result: DomainHandshakes };
  handshake: { args: { domid: number; kind: string; id: string }; result: DeviceHandshake };
}
