/** Keyboards and pointers as a kind of device. */
import type { DeviceKind } from "../../xenbus/kind.ts";
import { KEYBOARDS } from "./config.ts";
import { Keyboard } from "./device.ts";

export const KBD: DeviceKind = {
  kind: "vkbd",
  title: "Keyboard",
  config: KEYBOARDS,
  create: (context) => new Keyboard(context),
};
