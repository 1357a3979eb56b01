/** Framebuffers as a kind of device. */
import type { DeviceKind } from "../../xenbus/kind.ts";
import { FRAMEBUFFERS } from "./config.ts";
import { Framebuffer } from "./device.ts";

export const FB: DeviceKind = {
  kind: "vfb",
  title: "Framebuffer",
  config: FRAMEBUFFERS,
  create: (context) => new Framebuffer(context),
};
