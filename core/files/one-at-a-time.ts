/** Carries out one after the other, however many are asked for; each is answered with what became of it. */
export function oneAtATime(): <T>(deed: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (deed) => {
    const done = last.then(deed);
    last = done.catch(() => {});
    return done;
  };
}
