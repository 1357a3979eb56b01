/** A 128-bit generator with a counter (sfc32's scheme), which gives the same cases for the same seed on every machine. */
export class Random {
  readonly #state: Uint32Array;
  constructor(seed: number) {
    this.#state = Uint32Array.of(seed, seed ^ 0x9e3779b9, 0x85ebca6b, 1);
    for (let i = 0; i < 16; i++) this.u32();
  }
  u32(): number {
    const s = this.#state;
    const [a, b, c, counter] = s as unknown as [number, number, number, number];
    const result = (a + b + counter) >>> 0;
    s[3] = counter + 1;
    s[0] = b ^ (b >>> 9);
    s[1] = c + (c << 3);
    s[2] = ((c << 21) | (c >>> 11)) + result;
    return result;
  }
  below(n: number): number {
    return this.u32() % n;
  }
  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }
  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}
