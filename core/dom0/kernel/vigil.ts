/**
 * A thread that waits for a word to change looks at it for a moment before it sleeps: to be woken takes the operating system longer than a
 * guest that has its answer takes to ask for the next thing. The moment grows while that is worth it and shrinks to none where it is not, as
 * KVM has it for vCPUs that halt (Linux, Documentation/virt/kvm/halt-polling.rst): while little happens, nothing looks.
 */
import { availableParallelism } from "node:os";

/** Milliseconds, as all here. More than a thread takes to be woken. */
const LONGEST = 0.06;
const FIRST = 0.02;
/** A shorter moment is none. */
const SHORTEST = 0.005;
/** Looks at the word between two at the clock, which takes longer. */
const LOOKS = 20;

export class Vigil {
  readonly #words: Int32Array;
  readonly #longest: number;
  readonly #now: () => number;
  #moment = 0;

  /** The word is the first of `words`. On a computer of one core whoever changes it could not run meanwhile: there is no moment then. */
  constructor(words: Int32Array, now = () => performance.now(), cores = availableParallelism()) {
    this.#words = words;
    this.#longest = cores > 1 ? LONGEST : 0;
    this.#now = now;
  }

  /** Whether the word is another than `seen` before the moment is over. */
  seesOther(seen: number): boolean {
    if (this.#moment === 0) return false;
    for (const end = this.#now() + this.#moment; this.#now() < end;)
      for (let i = 0; i < LOOKS; i++)
        if (Atomics.load(this.#words, 0) !== seen) {
          this.#moment = Math.min(2 * this.#moment, this.#longest);
          return true;
        }
    this.#moment = this.#moment < 2 * SHORTEST ? 0 : this.#moment / 2;
    return false;
  }

  /** Sleeps; true where the word is another than `seen` already. */
  async sleepsUntilOther(seen: number): Promise<boolean> {
    const began = this.#now();
    const wait = Atomics.waitAsync(this.#words, 0, seen);
    if (!wait.async) return true;
    await wait.value;
    // It would have been seen.
    if (this.#now() - began < this.#longest) this.#moment = Math.max(this.#moment, FIRST);
    return false;
  }
}
