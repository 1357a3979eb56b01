/** A disk that is 50 snapshots deep can be opened and read quickly. What matters is how much longer it takes than without any snapshot. */
import path from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";

const folder = temporaryFolder("deep");
const SIZE = 64 << 20;
const DEPTH = 50;

async function timed(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

it(`reads through ${DEPTH} images what each of them has`, async () => {
  const file = (n: number): string => path.join(folder, `${n}.qcow2`);
  const random = seeded(50);
  const model = Buffer.alloc(SIZE);
  for (let n = 0; n <= DEPTH; n++) {
    const backing = n ? { backing: { file: `${n - 1}.qcow2`, format: "qcow2" as const } } : {};
    await createQcow2({ path: file(n), size: SIZE, ...backing });
    const store = await openStore(file(n), "qcow2", "read-write");
    const writes = n === 0 ? 1024 : 20;
    for (let i = 0; i < writes; i++) {
      const at = n === 0 ? i * 65536 : 4096 * Math.floor(random() * (SIZE / 4096));
      const bytes = Buffer.alloc(4096, n + 1);
      await store.write(at, [bytes]);
      bytes.copy(model, at);
    }
    await store.close();
  }
  const reads = async (n: number): Promise<{ open: number; random: number; whole: number }> => {
    let store = null as Awaited<ReturnType<typeof openStore>> | null;
    const open = await timed(async () => (store = await openStore(file(n), "qcow2", "read")));
    const block = Buffer.alloc(4096);
    const some = seeded(1);
    const scattered = await timed(async () => {
      for (let i = 0; i < 2000; i++) await store!.read(4096 * Math.floor(some() * (SIZE / 4096)), [block]);
    });
    const all = Buffer.alloc(1 << 20);
    const whole = await timed(async () => {
      for (let at = 0; at < SIZE; at += all.length) {
        await store!.read(at, [all]);
        if (n === DEPTH) expect(all.equals(model.subarray(at, at + all.length))).toBe(true);
      }
    });
    await store!.close();
    return { open, random: scattered / 2000, whole };
  };
  const [flat, deep] = [await reads(0), await reads(DEPTH)];
  const words = ({ open, random: each, whole }: typeof flat): string =>
    `opened in ${open.toFixed(1)} ms, 4 KiB in ${(each * 1000).toFixed(0)} us, 64 MiB in ${whole.toFixed(0)} ms`;
  console.log(`one image: ${words(flat)}; ${DEPTH} on it: ${words(deep)}`);
  // A look-up happens in memory, and one read of a file takes longer than all of them.
  expect(deep.random).toBeLessThan(20 * flat.random + 2);
}, 120_000);
