/** Shared folders as a kind of device. */
import type { DeviceKind } from "../../xenbus/kind.ts";
import { FOLDERS } from "./config.ts";
import { SharedFolder } from "./device.ts";

export const NINEP: DeviceKind = {
  kind: "9pfs",
  title: "Shared folder",
  config: FOLDERS,
  create: (context) => new SharedFolder(context),
};
