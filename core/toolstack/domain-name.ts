/** What a domain may be called. As in libxl this is any text, but here without control characters, which would garble tables and logs. */

/** A value of xenstore has at most 2048 bytes by default, and names appear in sentences too. */
const MOST_NAME_BYTES = 1024;

export const NAME_ALLOWED = `text of 1 to ${MOST_NAME_BYTES} bytes without control characters`;

export function isDomainName(name: string): boolean {
  return name !== "" && !/\p{Cc}/u.test(name) && Buffer.byteLength(name) <= MOST_NAME_BYTES;
}
