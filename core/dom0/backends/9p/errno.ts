/** The error numbers in an answer of 9P2000.L: those of Linux (include/uapi/asm-generic/errno.h), whatever the host's own are. */
const NUMBERS: Readonly<Record<string, number>> = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  EPROTO: 71,
  EOVERFLOW: 75,
  EILSEQ: 84,
  EOPNOTSUPP: 95,
  ENOTSUP: 95,
  ETIMEDOUT: 110,
  ESTALE: 116,
  EDQUOT: 122,
};

/** An error that is the answer to one request of the frontend. `code` is named as Node names the host's errors. */
export class FolderError extends Error {
  override readonly name = "FolderError";
  readonly code: string;

  constructor(code: keyof typeof NUMBERS, why = "") {
    super(why === "" ? code : `${code}: ${why}`);
    this.code = code;
  }
}

/** EIO for an error that has no number here. */
export function errnoOf(error: unknown): number {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return Object.hasOwn(NUMBERS, code) ? NUMBERS[code]! : NUMBERS.EIO!;
}
