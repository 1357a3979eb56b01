/** public/io/kbdif.h: the frontend's page, and the events to it. Keycodes are those of Linux's input devices, which include the pointer's buttons. */
import { XENKBD_TYPE_KEY, XENKBD_TYPE_MOTION, XENKBD_TYPE_POS } from "../../../abi/io_kbdif.ts";
import type { EventPageLayout } from "../../xenbus/event-page.ts";

export const KBD_PAGE: EventPageLayout = { in: { offset: 1024, bytes: 2048 }, out: { offset: 3072, bytes: 1024 } };

export const MOST_KEYCODE = 0x2ff;
/** BTN_LEFT, BTN_MIDDLE, BTN_RIGHT, in the order of the bits of Viewer.pointer(). */
export const BUTTONS: readonly number[] = [0x110, 0x112, 0x111];

export type KeyboardEvent = Int32Array;

export function keyEvent(keycode: number, isDown: boolean): KeyboardEvent {
  return Int32Array.of(XENKBD_TYPE_KEY | (isDown ? 1 << 8 : 0), keycode);
}
/** Returns what the event says of a key or button; null if it is about something else. */
export function keyOf(event: KeyboardEvent): { code: number; isDown: boolean } | null {
  const head = event[0]!;
  return (head & 0xff) === XENKBD_TYPE_KEY ? { code: event[1]!, isDown: (head & 0xff00) !== 0 } : null;
}
/** `wheel` is the number of steps down. */
export function positionEvent(x: number, y: number, wheel: number): KeyboardEvent {
  return Int32Array.of(XENKBD_TYPE_POS, x, y, wheel);
}
export function motionEvent(dx: number, dy: number, wheel: number): KeyboardEvent {
  return Int32Array.of(XENKBD_TYPE_MOTION, dx, dy, wheel);
}
/** Whether the event only tells the pointer's position, so that a later one can replace it. */
export function isMereMotion(event: KeyboardEvent): boolean {
  const type = event[0]! & 0xff;
  return type === XENKBD_TYPE_POS && event[3] === 0;
}
