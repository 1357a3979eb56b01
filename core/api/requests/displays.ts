/** Screens of domains, and the keyboards and pointers that belong to them. */
import { z } from "zod";
import type { VncAddress } from "../../dom0/display/screens.ts";
import type { ScreenPart } from "../../toolstack/messages.ts";
import { takes } from "./request.ts";
import { domid } from "./values.ts";

/** Identifies somebody who looks at a screen; displayOpen returns it. */
const viewer = z.int().min(1);

export const DISPLAY_REQUESTS = {
  /**
   * Opens a domain's screen. What has changed of it is asked for part by part, each when the last one has been shown. ENODEV if the domain has no
   * screen.
   */
  displayOpen: takes(
    z.strictObject({
      domid,
      id: z
        .string()
        .regex(/^\d{1,4}$/)
        .optional(),
    }),
  ).gives<{ viewer: number; vnc: VncAddress | null }>(),
  displayPart: takes(z.strictObject({ viewer })).gives<ScreenPart>(),
  displayClose: takes(z.strictObject({ viewer })).gives<null>(),
  /** Linux's number of a key: its place on the keyboard, whatever its layout. */
  displayKey: takes(z.strictObject({ viewer, keycode: z.int().min(1).max(0xff), isDown: z.boolean() })).gives<null>(),
  /** In the screen's pixels. `buttons`: 1 left, 2 middle, 4 right; `wheel`: steps down. */
  displayPointer: takes(
    z.strictObject({
      viewer,
      x: z.int().min(0).max(65535),
      y: z.int().min(0).max(65535),
      buttons: z.int().min(0).max(7),
      wheel: z.int().min(-16).max(16),
    }),
  ).gives<null>(),
  displayRelease: takes(z.strictObject({ viewer })).gives<null>(),
};
