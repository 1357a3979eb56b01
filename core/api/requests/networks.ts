/** Virtual networks, and captures of their traffic. */
import { z } from "zod";
import type { Forward } from "../../dom0/network/gateway/forwards.ts";
import type { ListedNetwork } from "../../toolstack/messages/networks.ts";
import type { BinnedFile, KeptCapture } from "../host-state.ts";
import { takes } from "./request.ts";
import { nothing, fileName } from "./values.ts";

const networkName = z.string().min(1).max(32);
const port = z.int().min(0).max(65535);
const capture = z.string().min(1).max(160);
/** Where a forwarded port is on this computer. */
const listener = { protocol: z.enum(["tcp", "udp"]), hostAddress: z.string().max(64), hostPort: port };

export const NETWORK_REQUESTS = {
  networkList: takes(nothing).gives<ListedNetwork[]>(),
  networkCreate: takes(
    z.strictObject({
      name: networkName,
      mode: z.enum(["nat", "isolated", "bare"]),
      ipv4: z.string().max(32).optional(),
    }),
  ).gives<null>(),
  networkRemove: takes(z.strictObject({ name: networkName })).gives<null>(),
  /** Opens the way out of a network, or closes it together with what guests have open through it. */
  networkMode: takes(z.strictObject({ name: networkName, mode: z.enum(["nat", "isolated"]) })).gives<null>(),
  /** Drops some of a network's frames on purpose, to see how guests cope. Not kept over power-off. */
  networkLoss: takes(z.strictObject({ name: networkName, percent: z.number().min(0).max(100) })).gives<null>(),
  networkForward: takes(
    z.strictObject({
      network: networkName,
      forward: z.strictObject({
        ...listener,
        guestAddress: z.string().max(64),
        guestPort: port.min(1),
      }),
    }),
  ).gives<Forward>(),
  networkUnforward: takes(z.strictObject({ network: networkName, ...listener })).gives<null>(),
  networkService: takes(
    z.strictObject({ network: networkName, port: port.min(1), hostPort: port.min(1).nullable() }),
  ).gives<null>(),
  /** Captures into a new file: one that the client names, if it may name any, or one among the captures that the host keeps. */
  networkCapture: takes(
    z.strictObject({
      /** The domid of the native driver domain that has the network; the host's own without it. */
      backend: z.int().min(0).max(0x7fef).optional(),
      network: networkName,
      port: z.string().max(32).nullable(),
      file: fileName.optional(),
    }),
  ).gives<{ file: string }>(),
  networkCaptureEnd: takes(z.strictObject({ file: fileName })).gives<null>(),
  /** Captures that the host keeps, by name. */
  captures: takes(nothing).gives<KeptCapture[]>(),
  /** Its answer: Up to MOST_PIECE_BYTES; none at the end. */
  captureRead: takes(z.strictObject({ name: capture, offset: z.int().min(0) })).gives<{ bytes: Uint8Array }>(),
  /** Goes to the bin, for a day. EBUSY while it grows. */
  captureRemove: takes(z.strictObject({ name: capture })).gives<null>(),
  /** Those that were deleted, the latest first: each for a day. */
  captureBin: takes(nothing).gives<BinnedFile[]>(),
  /** Back among those that the host keeps, under its name or one made of it. Where it lies. */
  captureRestore: takes(z.strictObject({ id: capture })).gives<{ path: string }>(),
  /** One of them goes for good, or all. */
  capturePurge: takes(z.strictObject({ id: capture.optional() })).gives<null>(),
};
