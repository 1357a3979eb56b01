/** Devices of domains that run, and how they are wired. */
import { z } from "zod";
import type { DeviceEntry, DeviceHandshake, DomainHandshakes, DomainWiring } from "../../toolstack/wiring-report.ts";
import { takes } from "./request.ts";
import { domid } from "./values.ts";

const deviceName = z.string().regex(/^[\w@-]{1,128}$/, "must be a name as in xenstore");
const deviceKey = z.string().regex(/^[a-z0-9]{1,16}$/);
const deviceSpec = z.string().max(8192);

export const DEVICE_REQUESTS = {
  /**
   * Devices of a domain that runs: `key` of xl.cfg, one string of its list, and the folder that relative files are taken from. Files must be
   * such as the client may name (host-files.ts).
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
  /** Another medium into a drive, or none where the string has no target. */
  mediumInsert: takes(
    z.strictObject({ domid, key: deviceKey, spec: deviceSpec, folder: z.string().max(4096) }),
  ).gives<null>(),
  /** A disk of a running domain becomes larger, and its guest is told; `device` is its id or as xvda. */
  diskResize: takes(
    z.strictObject({ domid, device: z.string().min(1).max(32), bytes: z.int().min(512).multipleOf(512) }),
  ).gives<null>(),
  /** How a domain's devices are wired now; dom0's are those of all others. */
  wiring: takes(z.strictObject({ domid })).gives<DomainWiring>(),
  /** From then on `wiring` events of that domain come; of the last one asked for only. 0 ends them. */
  wiringEvery: takes(
    z.strictObject({ domid, milliseconds: z.union([z.literal(0), z.int().min(250).max(60_000)]) }),
  ).gives<null>(),
  /**
   * What frontend and backend of a domain's devices wrote into xenstore, in order, from the domain's creation on; known also for a
   * while after its end. First its devices, then the steps of one of them.
   */
  handshakes: takes(z.strictObject({ domid })).gives<DomainHandshakes>(),
  handshake: takes(z.strictObject({ domid, kind: deviceName, id: deviceName })).gives<DeviceHandshake>(),
};
