/** Requests about disks and networks: devices of domains, images, virtual networks, captures. A part of schema.ts, which names them all. */
import { z } from "zod";
import type { Forward } from "../dom0/network/gateway/forwards.ts";
import type { NetworkReport } from "../dom0/network/networks.ts";
import type { DiskReport } from "../toolstack/messages.ts";
import type { DeviceEntry } from "../toolstack/wiring-report.ts";
import type { DiskImage, KeptCapture } from "./host-state.ts";

/** Bytes of one piece of an image or a capture. */
export const MOST_PIECE_BYTES = 1024 * 1024;

const domid = z.int().min(0).max(0x7fef);
const nothing = z.strictObject({});
const deviceKey = z.string().regex(/^[a-z0-9]{1,16}$/);
const deviceSpec = z.string().max(8192);
const networkName = z.string().min(1).max(32);
const port = z.int().min(0).max(65535);
const fileName = z.string().min(1).max(4096);
const intake = z.string().regex(/^d\d+$/, "must be an image's id");
const capture = z.string().min(1).max(160);
/** Where a forwarded port is on this computer. */
const listener = { protocol: z.enum(["tcp", "udp"]), hostAddress: z.string().max(64), hostPort: port };

export const DEVICE_REQUESTS = {
  /**
   * Devices of a domain that runs: `key` of xl.cfg, one string of its list, and the folder that relative files are taken from. Files must be
   * such as the client may name (host-files.ts).
   */
  deviceAttach: z.strictObject({ domid, key: deviceKey, spec: deviceSpec, folder: z.string().max(4096) }),
  deviceDetach: z.strictObject({
    domid,
    key: deviceKey,
    device: z.string().min(1).max(32),
    force: z.boolean().optional(),
  }),
  deviceList: z.strictObject({ domid, kind: deviceKey }),
  /** Another medium into a drive, or none where the string has no target. */
  mediumInsert: z.strictObject({ domid, key: deviceKey, spec: deviceSpec, folder: z.string().max(4096) }),

  /** What an image of the host's computer is and what is on it: one that the client may name. */
  inspectDisk: z.strictObject({ path: fileName, format: z.string().max(16).optional() }),
  /** Images that windows have given to the host, which keeps them. */
  diskImages: nothing,
  /** An image comes in pieces, in order; when it is whole it is among them, and before it is nothing. */
  diskBegin: z.strictObject({ name: z.string().min(1).max(1024), size: z.int().min(0) }),
  diskChunk: z.strictObject({
    intake,
    offset: z.int().min(0),
    bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= MOST_PIECE_BYTES, {
      message: `must be at most ${MOST_PIECE_BYTES} bytes`,
    }),
  }),
  diskEnd: z.strictObject({ intake }),
  /** Nothing of it stays. */
  diskDrop: z.strictObject({ intake }),
  /** One of the images that the host keeps. EBUSY while a domain has it. */
  diskRemove: z.strictObject({ name: z.string().min(1).max(1024) }),

  networkList: nothing,
  networkCreate: z.strictObject({
    name: networkName,
    mode: z.enum(["nat", "isolated", "bare"]),
    ipv4: z.string().max(32).optional(),
  }),
  networkRemove: z.strictObject({ name: networkName }),
  /** Opens the way out of a network, or closes it with what guests have open through it. */
  networkMode: z.strictObject({ name: networkName, mode: z.enum(["nat", "isolated"]) }),
  networkForward: z.strictObject({
    network: networkName,
    forward: z.strictObject({
      ...listener,
      guestAddress: z.string().max(64),
      guestPort: port.min(1),
    }),
  }),
  networkUnforward: z.strictObject({ network: networkName, ...listener }),
  networkService: z.strictObject({ network: networkName, port: port.min(1), hostPort: port.min(1).nullable() }),
  /** Into a new file: one that the client names, if its user may name any, or one among the captures that the host keeps. */
  networkCapture: z.strictObject({
    network: networkName,
    port: z.string().max(32).nullable(),
    file: fileName.optional(),
  }),
  networkCaptureEnd: z.strictObject({ file: fileName }),
  /** Captures that the host keeps, by name. */
  captures: nothing,
  captureRead: z.strictObject({ name: capture, offset: z.int().min(0) }),
  captureRemove: z.strictObject({ name: capture }),
} as const;

export interface DeviceResults {
  deviceAttach: { kind: string; id: string };
  deviceDetach: null;
  deviceList: DeviceEntry[];
  mediumInsert: null;
  inspectDisk: DiskReport;
  diskImages: DiskImage[];
  diskBegin: { intake: string };
  diskChunk: null;
  /** Where it lies on the host's computer: as a disk specification names it. */
  diskEnd: { path: string };
  diskDrop: null;
  diskRemove: null;
  networkList: NetworkReport[];
  networkCreate: null;
  networkRemove: null;
  networkMode: null;
  networkForward: Forward;
  networkUnforward: null;
  networkService: null;
  networkCapture: { file: string };
  networkCaptureEnd: null;
  captures: KeptCapture[];
  /** Up to MOST_PIECE_BYTES; none at its end. */
  captureRead: { bytes: Uint8Array };
  captureRemove: null;
}
