/** Lets callers do something one after the other, in the order in which they came. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** The first turn comes when everything has ended that waits in `others` now. */
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
