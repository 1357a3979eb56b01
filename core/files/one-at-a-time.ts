/** Carries out actions one after the other, however many are asked for. Each caller gets the outcome of its own. */
export function oneAtATime(): <T>(deed: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (deed) => {
    const done = last.then(deed);
    last = done.catch(() => {});
    return done;
  };
}
