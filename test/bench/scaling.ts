/** How much more two pCPUs do than one: two domains, and two vCPUs of one. */
import { cpus } from "node:os";
import { initramfs } from "../guests/images.ts";
import { guestBench } from "../guests/programs.ts";
import { BenchHost, type BenchGuest } from "./bench-host.ts";
import { median } from "./table.ts";

const MEMORY_MIB = 256;

export interface Scaling {
  /** Throughput of two divided by throughput of one. */
  domains: number;
  vcpus: number;
}

/** Each copy warms up, then waits for a byte from the console. */
function script(copies: number, rounds: number): string {
  const copy = `guest-bench --cpu ${rounds} </dev/console &`;
  return [...Array<string>(copies).fill(copy), "wait", "poweroff -f"].join("\n");
}

/** Seconds that all copies take together, from their common start on. */
async function timed(guests: BenchGuest[], copies: number): Promise<number> {
  await Promise.all(guests.map((guest) => guest.shown(/^WARM .*$/, copies)));
  const start = performance.now();
  await Promise.all(guests.map((guest) => guest.type(`${"x".repeat(copies)}\n`)));
  await Promise.all(guests.map((guest) => guest.shown(/^CPU-DONE .*$/, copies)));
  const seconds = (performance.now() - start) / 1000;
  const checks = guests.flatMap((guest) => [...guest.text.matchAll(/CPU-DONE chk=([0-9a-f]+)/g)].map(([, chk]) => chk));
  if (new Set(checks).size !== 1) throw new Error(`copies of the same tests computed ${checks.join(", ")}`);
  return seconds;
}

/** Seconds for so many domains with so many vCPUs and copies each, on a host of its own: nothing is left from one before. */
export async function busySeconds(domains: number, vcpus: number, copies: number, rounds: number): Promise<number> {
  const host = await BenchHost.start(2, 512 + MEMORY_MIB * copies * domains);
  try {
    const guests: BenchGuest[] = [];
    const ramdisk = initramfs("ready", script(copies, rounds), { "guest-bench": guestBench() });
    for (let n = 0; n < domains; n++)
      guests.push(await host.create({ name: `busy${n}`, ramdisk, memoryMiB: MEMORY_MIB * copies, vcpus }));
    return await timed(guests, copies);
  } finally {
    await host.close();
  }
}

/** One after the other in each run, so that what else the machine does meets all of them. */
export async function measureScaling(runs: number, rounds: number, say: (text: string) => void): Promise<Scaling> {
  const kinds = { one: [1, 1, 1], two: [2, 1, 1], alone: [1, 2, 1], both: [1, 2, 2] } as const;
  const seconds: Record<keyof typeof kinds, number[]> = { one: [], two: [], alone: [], both: [] };
  for (let n = 1; n <= runs; n++)
    for (const [kind, [domains, vcpus, copies]] of Object.entries(kinds)) {
      const took = await busySeconds(domains, vcpus, copies, rounds);
      say(
        `run ${n} of ${runs}: ${domains} domain(s), ${vcpus} vCPU(s), ${copies} copy(ies) each: ${took.toFixed(2)} s`,
      );
      seconds[kind as keyof typeof kinds].push(took);
    }
  const twice = (one: number[], two: number[]) => (2 * median(one)) / median(two);
  return { domains: twice(seconds.one, seconds.two), vcpus: twice(seconds.alone, seconds.both) };
}

export function scalingReport({ domains, vcpus }: Scaling): string {
  return [
    `On 2 pCPUs (the machine has ${cpus().length} cores, for the translator's and dom0's threads too), guest-bench's CPU tests:`,
    `two busy 1-vCPU domains do ${domains.toFixed(2)} times what one does;`,
    `one 2-vCPU domain with two copies does ${vcpus.toFixed(2)} times what it does with one.`,
  ].join("\n");
}
