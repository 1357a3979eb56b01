/** public/io/fbif.h: the frontend's page, and the events of both directions. */
import { PAGE_SIZE } from "../../kernel/memory.ts";
import { MOST_PIXELS, MOST_SIDE } from "../../display/surface.ts";
import type { EventPageLayout } from "../../xenbus/event-page.ts";

export const FB_PAGE: EventPageLayout = { in: { offset: 1024, bytes: 1024 }, out: { offset: 2048, bytes: 2048 } };

/** In memory, a guest's frame numbers have the size of its longs, according to the ABI that it names. */
export const LONG_BYTES: Readonly<Record<string, 4 | 8>> = { "x86_64-abi": 8, "x86_32-abi": 4 };
/** Where the page directory begins, by the size of a long, and where it must end. */
const DIRECTORY = { 4: 36, 8: 40 } as const;
const DIRECTORY_END = FB_PAGE.in.offset;
/** The most bytes of a framebuffer: those of the largest screen that can be shown here. */
export const MOST_BYTES = MOST_PIXELS * 4;

/** The frontend's framebuffer makes no sense; the message names what is wrong. */
export class FramebufferError extends Error {
  override readonly name = "FramebufferError";
}

/** The format of the framebuffer. Width, height and depth as in pixels; `stride` and `offset` in bytes. */
export interface Mode {
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly depth: number;
  readonly offset: number;
}

/** What the frontend describes at the beginning. It is copied from its page once, because the frontend may change the page at any time. */
export interface Description extends Mode {
  readonly bytes: number;
  /** Frame numbers of the pages that list the frame numbers of the framebuffer's pages. */
  readonly directory: readonly number[];
}

/** `page` is a copy. `mostBytes` is the limit of the framebuffer. Throws FramebufferError. */
export function readDescription(page: DataView, longBytes: 4 | 8, mostBytes: number): Description {
  const bytes = page.getUint32(28, true);
  if (bytes === 0 || bytes > mostBytes)
    throw new FramebufferError(`the framebuffer's mem_length is ${bytes}; allowed: 1 to ${mostBytes} bytes`);
  const mode = checkMode(
    {
      width: page.getInt32(16, true),
      height: page.getInt32(20, true),
      stride: page.getUint32(24, true),
      depth: page.getUint8(32),
      offset: 0,
    },
    bytes,
  );
  const frames = Math.ceil(bytes / PAGE_SIZE);
  const pages = Math.ceil((frames * longBytes) / PAGE_SIZE);
  const begin = DIRECTORY[longBytes];
  if (begin + pages * longBytes > DIRECTORY_END)
    throw new FramebufferError(`the framebuffer's page directory of ${pages} pages does not fit its page`);
  const directory = Array.from({ length: pages }, (_, i) => readLong(page, begin + i * longBytes, longBytes));
  return { ...mode, bytes, directory };
}

/** Reads a frame number. One that is too large is not distinguished further. */
export function readLong(page: DataView, at: number, longBytes: 4 | 8): number {
  return longBytes === 4 ? page.getUint32(at, true) : Number(page.getBigUint64(at, true));
}

/** Returns the mode if it can be shown in a framebuffer of `bytes` bytes. Throws FramebufferError. */
export function checkMode(mode: Mode, bytes: number): Mode {
  const { width, height, stride, depth, offset } = mode;
  if (![8, 16, 24, 32].includes(depth))
    throw new FramebufferError(`the framebuffer's depth is ${depth}; allowed: 8, 16, 24, 32`);
  if (width < 1 || height < 1 || width > MOST_SIDE || height > MOST_SIDE || width * height > MOST_PIXELS)
    throw new FramebufferError(
      `the framebuffer is ${width}x${height}; allowed: 1x1 up to ${MOST_SIDE} a side and ${MOST_PIXELS} pixels in all`,
    );
  const row = (width * depth) / 8;
  if (stride < row || stride > bytes)
    throw new FramebufferError(`the framebuffer's line_length is ${stride}; allowed: ${row} to ${bytes} bytes`);
  if (offset < 0 || offset + (height - 1) * stride + row > bytes)
    throw new FramebufferError(
      `${height} lines of ${stride} bytes from ${offset} on do not fit the framebuffer's ${bytes} bytes`,
    );
  return mode;
}

/** `event` is a copy. */
export function eventType(event: Int32Array): number {
  return event[0]! & 0xff;
}
export function readUpdate(event: Int32Array): { x: number; y: number; width: number; height: number } {
  return { x: event[1]!, y: event[2]!, width: event[3]!, height: event[4]! };
}
export function readResize(event: Int32Array): Mode {
  return { width: event[1]!, height: event[2]!, stride: event[3]!, depth: event[4]!, offset: event[5]! };
}
