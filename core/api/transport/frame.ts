/** Messages as bytes: MessagePack, which carries Uint8Array as it is. Safe to import in a browser. */
import { decode, encode } from "@msgpack/msgpack";
import { MOST_MESSAGE_BYTES } from "../schema.ts";

export function toBytes(message: unknown): Uint8Array<ArrayBuffer> {
  return encode(message, { ignoreUndefined: true }) as Uint8Array<ArrayBuffer>;
}

/** Throws RangeError for bytes that are no message. Depth and sizes are bounded: the other end may be hostile. */
export function fromBytes(bytes: Uint8Array): unknown {
  return decode(bytes, {
    maxStrLength: MOST_MESSAGE_BYTES,
    maxBinLength: 64 * 1024 * 1024,
    maxArrayLength: 100_000,
    maxMapLength: 10_000,
    maxExtLength: 0,
  });
}
