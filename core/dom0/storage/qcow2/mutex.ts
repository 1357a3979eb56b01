/** One after the other: an action begins when the one before it has ended, however that ended. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(action: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(action, action);
    this.#last = mine.catch(() => {});
    return mine;
  }
}
