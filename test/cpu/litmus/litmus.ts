/** Runs litmus programs and counts outcomes that must not occur. */
import { RBX, RCX, RDI, RSI } from "../machine.ts";
import * as at from "./layout.ts";
import { Processors } from "./processors.ts";
import type { Contention, Litmus, Outcome } from "./programs.ts";

/** The rounds of one start. Each has a cache line for x, one for y, and 16 bytes of results for each thread. */
const ROUNDS = 1024;
const X = 0;
const Y = ROUNDS * 64;
const RESULTS = 2 * ROUNDS * 64;
const RESULT_BYTES = ROUNDS * 16;
const MOST_DELAY = 40;

const hex = (text: string): number[] => [...Buffer.from(text.replaceAll(" ", ""), "hex")];

/** Puts `body` into a loop of RCX rounds, followed by UD2. */
function loop(body: string, advance: string): Uint8Array {
  const bytes = [...hex(body), ...hex(advance), 0xff, 0xc9];
  const back = bytes.length + 2;
  // A backward jump of 8 or 32 bits.
  bytes.push(...(back <= 128 ? [0x75, 256 - back] : [0x0f, 0x85, ...le32(-(bytes.length + 6))]));
  return Uint8Array.from([...bytes, 0x0f, 0x0b]);
}
function le32(value: number): number[] {
  return [...new Uint8Array(Int32Array.of(value).buffer)];
}
// add rdi, 64; add rsi, 64; add rbx, 16
const NEXT_ROUND = "48 83 c7 40 48 83 c6 40 48 83 c3 10";

export interface LitmusCount {
  rounds: number;
  forbidden: number;
  /** By what `classify` says of the outcomes. */
  seen: Map<string, number>;
  example: Outcome | null;
}

const randomDelay = (): number => Math.floor(Math.random() * MOST_DELAY);

export async function runLitmus(processors: Processors, { threads, forbidden }: Litmus, starts: number) {
  const count: LitmusCount = { rounds: starts * ROUNDS, forbidden: 0, seen: new Map(), example: null };
  processors.load(threads.map((body) => loop(body, NEXT_ROUND)));
  const word = (offset: number): number => processors.view.getUint32(at.dataHost(offset), true);
  for (let start = 0; start < starts; start++) {
    processors.clear();
    await processors.run(
      threads.map((_, n) => ({
        delay: randomDelay(),
        registers: {
          [RDI]: at.DATA_LINEAR + BigInt(X),
          [RSI]: at.DATA_LINEAR + BigInt(Y),
          [RBX]: at.DATA_LINEAR + BigInt(RESULTS + n * RESULT_BYTES),
          [RCX]: BigInt(ROUNDS),
        },
      })),
    );
    for (let round = 0; round < ROUNDS; round++) {
      const results = threads.map((_, n): [number, number] => {
        const own = RESULTS + n * RESULT_BYTES + round * 16;
        return [word(own), word(own + 4)];
      });
      const outcome: Outcome = { results, x: word(X + round * 64), y: word(Y + round * 64) };
      const key = `${results.join(" ")} x=${outcome.x} y=${outcome.y}`;
      count.seen.set(key, (count.seen.get(key) ?? 0) + 1);
      if (!forbidden(outcome)) continue;
      count.forbidden++;
      count.example ??= outcome;
    }
  }
  return count;
}

/** Returns null, or what was found instead of the right contents in any of that many starts. */
export async function runContention(
  processors: Processors,
  contention: Contention,
  starts: number,
  rounds: number,
): Promise<string | null> {
  processors.load(contention.threads.map((body) => loop(body, "")));
  for (let start = 0; start < starts; start++) {
    const wrong = await contend(processors, contention, rounds);
    if (wrong) return wrong;
  }
  return null;
}

async function contend(
  processors: Processors,
  { threads, rdi, rsi = 0, check }: Contention,
  rounds: number,
): Promise<string | null> {
  processors.clear();
  await processors.run(
    threads.map(() => ({
      delay: randomDelay(),
      registers: { [RDI]: at.DATA_LINEAR + BigInt(rdi), [RSI]: at.DATA_LINEAR + BigInt(rsi), [RCX]: BigInt(rounds) },
    })),
  );
  const read = (offset: number, bytes: number): bigint => {
    let value = 0n;
    for (let n = bytes - 1; n >= 0; n--) value = (value << 8n) | BigInt(processors.page(offset + n)[0]!);
    return value;
  };
  const wrong = check(read, BigInt(rounds)).filter(([found, expected]) => found !== expected);
  return wrong.length ? wrong.map(([found, expected]) => `${found}, not ${expected}`).join("; ") : null;
}
