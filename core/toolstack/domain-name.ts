/** What a domain may be called: as in libxl any text, here without control characters, which would garble tables and logs. */

/** A value of xenstore has 2048 bytes by default; names stand in sentences too. */
const MOST_NAME_BYTES = 1024;

export const NAME_ALLOWED = `text of 1 to ${MOST_NAME_BYTES} bytes without control characters`;

export function isDomainName(name: string): boolean {
  return name !== "" && !/\p{Cc}/u.test(name) && Buffer.byteLength(name) <= MOST_NAME_BYTES;
}
