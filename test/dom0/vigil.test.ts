/** How long a thread looks for the next event before it sleeps: not at all, unless events follow each other closely. */
import { expect, it } from "vitest";
import { Vigil } from "../../core/dom0/kernel/vigil.ts";

/** A clock that goes on by a microsecond for each look at it, and what happens when it is looked at. */
function scene(cores = 2): {
  vigil: Vigil;
  words: Int32Array;
  looks: () => number;
  at: (look: number) => void;
  pass: () => void;
} {
  const words = new Int32Array(new SharedArrayBuffer(4));
  let [now, looks, changes] = [0, 0, Infinity];
  const clock = (): number => {
    now += 0.001;
    if (++looks >= changes) {
      changes = Infinity;
      Atomics.add(words, 0, 1);
      Atomics.notify(words, 0);
    }
    return now;
  };
  return {
    words,
    vigil: new Vigil(words, clock, cores),
    looks: () => looks,
    /** The word changes when the clock is looked at for the `look`-th time from now on. */
    at: (look) => (changes = looks + look),
    /** A tenth of a millisecond. */
    pass: () => void (now += 0.1),
  };
}

/** Sleeps, and is woken at once. */
async function briefly({ vigil, words }: ReturnType<typeof scene>): Promise<void> {
  const seen = Atomics.load(words, 0);
  const slept = vigil.sleepsUntilOther(seen);
  Atomics.add(words, 0, 1);
  Atomics.notify(words, 0);
  expect(await slept).toBe(false);
}

it("does not look before it was once woken soon after it had gone to sleep", async () => {
  const all = scene();
  expect(all.vigil.seesOther(0)).toBe(false);
  expect(all.looks()).toBe(0);
  await briefly(all);
  all.at(5);
  expect(all.vigil.seesOther(1)).toBe(true);
  expect(all.words[0]).toBe(2);
});

it("looks for longer while that is worth it, and for 60 us at most; then for less, and not at all", async () => {
  const all = scene();
  await briefly(all);
  for (let i = 0; i < 5; i++) {
    all.at(10);
    expect(all.vigil.seesOther(all.words[0]!)).toBe(true);
  }
  const looked: number[] = [];
  for (let i = 0; i < 8; i++) {
    const before = all.looks();
    expect(all.vigil.seesOther(all.words[0]!)).toBe(false);
    looked.push(all.looks() - before);
  }
  expect(looked[0]).toBeGreaterThan(55);
  expect(looked[0]).toBeLessThan(65);
  expect(looked[1]).toBeLessThan(35);
  expect(looked.slice(4)).toEqual([0, 0, 0, 0]);
});

it("goes on sleeping without a look where events are far from each other", async () => {
  const all = scene();
  const slept = all.vigil.sleepsUntilOther(0);
  all.pass();
  Atomics.add(all.words, 0, 1);
  Atomics.notify(all.words, 0);
  expect(await slept).toBe(false);
  const before = all.looks();
  expect(all.vigil.seesOther(1)).toBe(false);
  expect(all.looks()).toBe(before);
});

it("says when there is nothing to wait for, and never looks on a computer of one core", async () => {
  const all = scene(1);
  expect(await all.vigil.sleepsUntilOther(7)).toBe(true);
  await briefly(all);
  expect(all.vigil.seesOther(1)).toBe(false);
  const looks = all.looks();
  expect(all.vigil.seesOther(1)).toBe(false);
  expect(all.looks()).toBe(looks);
});
