/** Why a disk can't be booted from: a whole sentence for people that says what is wrong with it. */
export class BootError extends Error {
  override readonly name = "BootError";
  /** The message contains names and titles from the disk. None of them may act as a command of the terminal that shows it. */
  constructor(message: string) {
    super(message.replace(/[\x00-\x1f\x7f-\x9f]/g, "?"));
  }
}
