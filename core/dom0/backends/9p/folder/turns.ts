/** Lets one after the other do something, in the order in which they came. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Their first turn comes when all has ended that was to be done in `others` so far. */
  static after(others: readonly Turns[]): Turns {
    const turns = new Turns();
    turns.#last = Promise.all(others.map((each) => each.#last));
    return turns;
  }

  take<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
