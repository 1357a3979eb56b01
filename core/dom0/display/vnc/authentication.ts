/** RFB's VNC authentication: the server sends a challenge of 16 bytes, which is encrypted by DES with the password as key. */
import { createCipheriv, timingSafeEqual } from "node:crypto";

export const CHALLENGE_BYTES = 16;
/** Only so many bytes of a password count. */
export const PASSWORD_BYTES = 8;

/** Returns the answer of somebody who knows the password. */
export function responseTo(challenge: Uint8Array, password: string): Buffer {
  const key = Buffer.alloc(PASSWORD_BYTES);
  Buffer.from(password).copy(key, 0, 0, PASSWORD_BYTES);
  // VNC reverses the bits of each byte of the key.
  const reversed = key.map((byte) => {
    let result = 0;
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) result |= 0x80 >> bit;
    return result;
  });
  // No library has plain DES any more, but triple DES with the same key three times is equal to it. Each block is by itself: ECB.
  const triple = Buffer.concat([reversed, reversed, reversed]);
  const blocks = [0, 8].map((at) => {
    const cipher = createCipheriv("des-ede3-cbc", triple, Buffer.alloc(8)).setAutoPadding(false);
    return Buffer.concat([cipher.update(challenge.subarray(at, at + 8)), cipher.final()]);
  });
  return Buffer.concat(blocks);
}

export function isRightResponse(response: Uint8Array, challenge: Uint8Array, password: string): boolean {
  return timingSafeEqual(response, responseTo(challenge, password));
}
