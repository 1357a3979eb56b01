/** Runs actions one after the other: each begins when the one before it has ended, successfully or not. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(action: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(action, action);
    this.#last = mine.catch(() => {});
    return mine;
  }
}
