/** The numbers of the xenstore wire protocol (public/io/xs_wire.h), and the framing of messages. */

export const XS = {
  CONTROL: 0,
  DIRECTORY: 1,
  READ: 2,
  GET_PERMS: 3,
  WATCH: 4,
  UNWATCH: 5,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  INTRODUCE: 8,
  RELEASE: 9,
  GET_DOMAIN_PATH: 10,
  WRITE: 11,
  MKDIR: 12,
  RM: 13,
  SET_PERMS: 14,
  WATCH_EVENT: 15,
  ERROR: 16,
  IS_DOMAIN_INTRODUCED: 17,
  RESUME: 18,
  SET_TARGET: 19,
  RESET_WATCHES: 21,
  DIRECTORY_PART: 22,
} as const;

export const HEADER_SIZE = 16;
export const PAYLOAD_MAX = 4096;
export const ABS_PATH_MAX = 3072;
export const REL_PATH_MAX = 2048;

/** The errors that the protocol can name; any other becomes EINVAL. */
export type XenstoreErrno =
  | "EINVAL"
  | "EACCES"
  | "EEXIST"
  | "EISDIR"
  | "ENOENT"
  | "ENOMEM"
  | "ENOSPC"
  | "EIO"
  | "ENOTEMPTY"
  | "ENOSYS"
  | "EROFS"
  | "EBUSY"
  | "EAGAIN"
  | "EISCONN"
  | "E2BIG"
  | "EPERM";

export class XenstoreError extends Error {
  override readonly name = "XenstoreError";
  readonly code: XenstoreErrno;
  constructor(code: XenstoreErrno, message: string = code) {
    super(message);
    this.code = code;
  }
}

export interface Message {
  type: number;
  requestId: number;
  transactionId: number;
  payload: Buffer;
}

/** Returns header and payload as they go over a ring. */
export function encodeMessage({ type, requestId, transactionId, payload }: Message): Buffer {
  const bytes = Buffer.alloc(HEADER_SIZE + payload.length);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(requestId, 4);
  bytes.writeUInt32LE(transactionId, 8);
  bytes.writeUInt32LE(payload.length, 12);
  payload.copy(bytes, HEADER_SIZE);
  return bytes;
}

/** Returns the strings of `<a>|<b>|…`, each of which ends with a zero byte. EINVAL when the last one does not. */
export function splitStrings(payload: Buffer): string[] {
  if (payload.length === 0 || payload[payload.length - 1] !== 0) throw new XenstoreError("EINVAL");
  return payload.toString("latin1", 0, payload.length - 1).split("\0");
}

/** Reads an XS_DIRECTORY_PART reply: a generation count, then names, each ended by a zero byte; an empty name ends the list (Xen's docs/misc/xenstore.txt). */
export function directoryPart(reply: Buffer): { names: string[]; bytes: number; isLast: boolean } {
  const start = reply.indexOf(0) + 1;
  const part = reply.subarray(start).toString("latin1").split("\0");
  part.pop();
  const end = part.indexOf("");
  const names = end < 0 ? part : part.slice(0, end);
  return { names, bytes: reply.length - start, isLast: end >= 0 || reply.length === start };
}

/** Returns the strings as splitStrings() takes them. */
export function joinStrings(...strings: string[]): Buffer {
  return Buffer.from(strings.map((string) => `${string}\0`).join(""), "latin1");
}
