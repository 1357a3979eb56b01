/** Messages as bytes: MessagePack, which carries Uint8Array unchanged. Can be imported in a browser. */
import { decode, encode } from "@msgpack/msgpack";
import { MOST_MESSAGE_BYTES } from "../schema.ts";

export function toBytes(message: unknown): Uint8Array<ArrayBuffer> {
  return encode(message, { ignoreUndefined: true }) as Uint8Array<ArrayBuffer>;
}

/**
 * Decodes a client's message at the server; the client may be hostile. Throws for bytes that are no message. The decoder makes room for as many
 * elements as an array claims to have, at every depth. Requests have no arrays, so nearly none are accepted.
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

/** Decodes the server's message at the client. Throws for bytes that are no message. */
export function fromBytes(bytes: Uint8Array): unknown {
  return decode(bytes, {
    maxStrLength: MOST_MESSAGE_BYTES,
    maxBinLength: 64 * 1024 * 1024,
    maxArrayLength: 100_000,
    maxMapLength: 10_000,
    maxExtLength: 0,
  });
}
