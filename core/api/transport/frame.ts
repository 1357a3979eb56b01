/** Messages as bytes: MessagePack, which carries Uint8Array as it is. Safe to import in a browser. */
import { decode, encode } from "@msgpack/msgpack";
import { MOST_MESSAGE_BYTES } from "../schema.ts";

export function toBytes(message: unknown): Uint8Array<ArrayBuffer> {
  return encode(message, { ignoreUndefined: true }) as Uint8Array<ArrayBuffer>;
}

/**
 * A client's message at the server; the client may be hostile. Throws for bytes that are no message. The decoder makes room
 * for as many elements as an array says it has, at every depth: requests have no arrays, so next to none are taken.
 */
export function requestFromBytes(bytes: Uint8Array): unknown {
  return decode(bytes, {
    maxStrLength: MOST_MESSAGE_BYTES,
    maxBinLength: MOST_MESSAGE_BYTES,
    maxArrayLength: 8,
    maxMapLength: 1000,
    maxExtLength: 0,
  });
}

/** The server's message at the client. Throws for bytes that are no message. */
export function fromBytes(bytes: Uint8Array): unknown {
  return decode(bytes, {
    maxStrLength: MOST_MESSAGE_BYTES,
    maxBinLength: 64 * 1024 * 1024,
    maxArrayLength: 100_000,
    maxMapLength: 10_000,
    maxExtLength: 0,
  });
}
