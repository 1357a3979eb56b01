/** Network interfaces as a kind of device. */
import type { DeviceKind } from "../../xenbus/kind.ts";
import { VIFS } from "./config.ts";
import { NetworkInterface } from "./device.ts";

export const NET: DeviceKind = {
  kind: "vif",
  title: "Network interface",
  config: VIFS,
  // Each slot is answered in its place, and a network may carry a packet twice. An answer that was written and not shown lies over its request's grant
  // reference: that packet is lost, as a network may lose one.
  goesOnWithRequests: true,
  create: (context) => new NetworkInterface(context),
};
