/** public/io/kbdif.h: the frontend's page, and events to it. Keycodes are those of Linux's input devices, buttons of the pointer among them. */
import type { EventPageLayout } from "../../xenbus/event-page.ts";

export const KBD_PAGE: EventPageLayout = { in: { offset: 1024, bytes: 2048 }, out: { offset: 3072, bytes: 1024 } };

const XENKBD_TYPE_MOTION = 1;
const XENKBD_TYPE_KEY = 3;
const XENKBD_TYPE_POS = 4;

export const MOST_KEYCODE = 0x2ff;
/** BTN_LEFT, BTN_MIDDLE, BTN_RIGHT: in the order of Viewer.pointer()'s bits. */
export const BUTTONS: readonly number[] = [0x110, 0x112, 0x111];

export type KeyboardEvent = Int32Array;

export function keyEvent(keycode: number, isDown: boolean): KeyboardEvent {
  return Int32Array.of(XENKBD_TYPE_KEY | (isDown ? 1 << 8 : 0), keycode);
}
/** `wheel`: steps down. */
export function positionEvent(x: number, y: number, wheel: number): KeyboardEvent {
  return Int32Array.of(XENKBD_TYPE_POS, x, y, wheel);
}
export function motionEvent(dx: number, dy: number, wheel: number): KeyboardEvent {
  return Int32Array.of(XENKBD_TYPE_MOTION, dx, dy, wheel);
}
/** It says where the pointer is and nothing else, so that a later one does instead. */
export function isMereMotion(event: KeyboardEvent): boolean {
  const type = event[0]! & 0xff;
  return type === XENKBD_TYPE_POS && event[3] === 0;
}
