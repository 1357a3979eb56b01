/** Cuts a stream into the pieces that a conversation asks for, one after the other. */

/** Yields how many bytes it needs next, and is given them. Returns when it wants no more. */
export type Conversation = Generator<number, void, Buffer>;

export class Pieces {
  readonly #conversation: Conversation;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #needs: number | null = null;

  /**
   * What waits here is bounded by the size of the pieces that the conversation asks for, so it must not ask for a size that a client has chosen
   * without bounds.
   */
  constructor(conversation: Conversation) {
    this.#conversation = conversation;
    this.#resume(conversation.next());
  }

  /** Throws what the conversation throws. */
  take(chunk: Buffer): void {
    this.#waiting.push(chunk);
    this.#bytes += chunk.length;
    while (this.#needs !== null && this.#bytes >= this.#needs) {
      const all = this.#waiting.length === 1 ? this.#waiting[0]! : Buffer.concat(this.#waiting);
      const piece = all.subarray(0, this.#needs);
      this.#waiting = [all.subarray(this.#needs)];
      this.#bytes -= this.#needs;
      this.#resume(this.#conversation.next(piece));
    }
    if (this.#needs === null) {
      this.#waiting = [];
      this.#bytes = 0;
    }
  }

  #resume({ done, value }: IteratorResult<number, void>): void {
    this.#needs = done ? null : value;
  }
}
