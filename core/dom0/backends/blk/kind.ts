/** Disks and CD-ROMs as a kind of device. */
import type { DeviceKind } from "../../xenbus/kind.ts";
import { DISKS, elsewhere } from "./config.ts";
import { BlockDevice } from "./device.ts";

export const BLK: DeviceKind = {
  kind: "vbd",
  title: "Block device",
  config: DISKS,
  elsewhere,
  goesOnWithRequests: true,
  create: (context) => new BlockDevice(context),
};
