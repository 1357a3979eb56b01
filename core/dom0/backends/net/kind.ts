/** Network interfaces as a kind of device. */
import type { DeviceKind } from "../../xenbus/kind.ts";
import { VIFS } from "./config.ts";
import { NetworkInterface } from "./device.ts";

export const NET: DeviceKind = {
  kind: "vif",
  title: "Network interface",
  config: VIFS,
  create: (context) => new NetworkInterface(context),
};
