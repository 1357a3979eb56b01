/** Why a disk can't be booted from: a whole sentence for people that names what was wrong with it. */
export class BootError extends Error {
  override readonly name = "BootError";
}
