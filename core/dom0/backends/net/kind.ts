/** Network interfaces as a kind of device. */
import type { DeviceKind } from "../../xenbus/kind.ts";
import { VIFS } from "./config.ts";
import { NetworkInterface } from "./device.ts";

export const NET: DeviceKind = {
  kind: "vif",
  title: "Network interface",
  config: VIFS,
  // Each slot is answered in its place, and has its request until the answer is shown. A network may carry a packet twice, or lose one.
  goesOnWithRequests: true,
  // A network may lose packets, and Linux's driver gives an interface up without waiting for its packets.
  isReplaceable: true,
  create: (context) => new NetworkInterface(context),
};
