/** Why a disk can't be booted from: a whole sentence for people that names what was wrong with it. */
export class BootError extends Error {
  override readonly name = "BootError";
  /** Names and titles of the disk stand in it: none of them may be a command to the terminal that shows it. */
  constructor(message: string) {
    super(message.replace(/[\x00-\x1f\x7f-\x9f]/g, "?"));
  }
}
