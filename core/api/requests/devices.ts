/** Devices of running domains, and their wiring. */
import { z } from "zod";
import type { DeviceEntry, DeviceHandshake, DomainHandshakes, DomainWiring } from "../../toolstack/wiring-report.ts";
import { MOST_PIECE_BYTES } from "../limits.ts";
import { takes } from "./request.ts";
import { bytes, domid } from "./values.ts";

const deviceName = z.string().regex(/^[\w@-]{1,128}$/, "must be a name as in xenstore");
const deviceKey = z.string().regex(/^[a-z0-9]{1,16}$/);
const deviceSpec = z.string().max(8192);
const intake = z.string().regex(/^d\d+$/, "must be a file's id");

export const DEVICE_REQUESTS = {
  /**
   * Attaches a device to a running domain: `key` of xl.cfg, one string of its list, and the folder for relative file names. The client must be
   * allowed to name the files (host-files.ts).
   */
  deviceAttach: takes(z.strictObject({ domid, key: deviceKey, spec: deviceSpec, folder: z.string().max(4096) })).gives<{
    kind: string;
    id: string;
  }>(),
  deviceDetach: takes(
    z.strictObject({
      domid,
      key: deviceKey,
      device: z.string().min(1).max(32),
      force: z.boolean().optional(),
    }),
  ).gives<null>(),
  deviceList: takes(z.strictObject({ domid, kind: deviceKey })).gives<DeviceEntry[]>(),
  /** Puts another medium into a drive; none if the string has no target. */
  mediumInsert: takes(
    z.strictObject({ domid, key: deviceKey, spec: deviceSpec, folder: z.string().max(4096) }),
  ).gives<null>(),
  /** Enlarges a disk of a running domain and tells its guest. `device` is its id, or such as xvda. */
  diskResize: takes(
    z.strictObject({ domid, device: z.string().min(1).max(32), bytes: z.int().min(512).multipleOf(512) }),
  ).gives<null>(),
  /**
   * A file comes in pieces, in order, into a shared folder of a running domain, `device` by its number. Until it is whole it has another name there.
   * EEXIST: there is a file of that name, and `replaces` does not say that it is to be replaced. A folder that its guest may only read takes files
   * from clients that may name it (host-files.ts).
   */
  sharedFileBegin: takes(
    z.strictObject({
      domid,
      device: z.string().min(1).max(32),
      name: z.string().min(1).max(1024),
      size: z.int().min(0),
      replaces: z.boolean().optional(),
    }),
  ).gives<{ intake: string }>(),
  sharedFileChunk: takes(
    z.strictObject({ intake, offset: z.int().min(0), bytes: bytes(MOST_PIECE_BYTES) }),
  ).gives<null>(),
  sharedFileEnd: takes(z.strictObject({ intake })).gives<null>(),
  /** Discards it completely. */
  sharedFileDrop: takes(z.strictObject({ intake })).gives<null>(),
  /** How a domain's devices are wired now; dom0's are those of all other domains. */
  wiring: takes(z.strictObject({ domid })).gives<DomainWiring>(),
  /** From then on `wiring` events of that domain come, but only of the domain that was asked for last. 0 ends them. */
  wiringEvery: takes(
    z.strictObject({ domid, milliseconds: z.union([z.literal(0), z.int().min(250).max(60_000)]) }),
  ).gives<null>(),
  /**
   * What frontend and backend of a domain's devices have written into xenstore, in order, from the domain's creation on, and for a while after its
   * end. One request returns the devices, the other the steps of one device.
   */
  handshakes: takes(z.strictObject({ domid })).gives<DomainHandshakes>(),
  handshake: takes(z.strictObject({ domid, kind: deviceName, id: deviceName })).gives<DeviceHandshake>(),
};
