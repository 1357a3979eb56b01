/** Reproducible random numbers. XENARIUM_SEED=n gives another sequence, XENARIUM_TRIES=n a longer run. */

export type Random = (below: number) => number;

/** mulberry32. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export const SEED = Number(process.env.XENARIUM_SEED ?? 20261128);
/** `usual` is the number for which a test command has time. */
export const triesOf = (usual: number): number => Number(process.env.XENARIUM_TRIES ?? usual);

export function pick<T>(chance: Random, list: readonly T[]): T {
  return list[chance(list.length)]!;
}

/** Returns a copy with some of its bytes changed, removed, doubled or inserted. */
export function mutate(chance: Random, bytes: Uint8Array, within = bytes.length): Buffer {
  let changed = Buffer.from(bytes);
  for (let i = 1 + chance(4); i > 0; i--) {
    const at = chance(Math.max(1, Math.min(within, changed.length)));
    const length = 1 + chance(pick(chance, [1, 4, 16, 64]));
    switch (chance(7)) {
      case 0:
      case 1:
        changed[at] = pick(chance, [0, 1, 0x7f, 0x80, 0xff, chance(256)]);
        break;
      case 2:
        if (at + 4 <= changed.length) changed.writeUInt32LE(pick(chance, NUMBERS), at);
        break;
      case 3:
        if (at + 8 <= changed.length)
          changed.writeBigUInt64LE((BigInt(pick(chance, NUMBERS)) << BigInt(chance(33))) & (2n ** 64n - 1n), at);
        break;
      case 4:
        changed = Buffer.concat([changed.subarray(0, at), changed.subarray(at + length)]);
        break;
      case 5:
        changed = Buffer.concat([changed.subarray(0, at + length), changed.subarray(at)]);
        break;
      case 6:
        if (chance(8) === 0) changed = changed.subarray(0, at);
        else changed[at] = changed[at]! ^ (1 << chance(8));
        break;
    }
  }
  return changed;
}

/** Numbers at which arithmetic often fails. */
const NUMBERS = [
  0,
  1,
  2,
  3,
  4,
  0xff,
  0x100,
  0xfff,
  0x1000,
  0x7fff,
  0x8000,
  0xffff,
  0x10000,
  2 ** 24,
  2 ** 30,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
] as const;
