/** Measures how much more two pCPUs do than one, with two domains and with two vCPUs of one domain. */
import { cpus } from "node:os";
import { initramfs } from "../guests/images.ts";
import { guestBench } from "../guests/programs.ts";
import { BenchHost, type BenchGuest } from "./bench-host.ts";
import { median } from "./table.ts";

const MEMORY_MIB = 256;

export interface Scaling {
  /** The throughput of two divided by the throughput of one. */
  domains: number;
  vcpus: number;
}

/** Each copy warms up, then waits for a byte from the console. */
function script(copies: number, rounds: number): string {
  const copy = `guest-bench --cpu ${rounds} </dev/console &`;
  return [...Array<string>(copies).fill(copy), "wait", "poweroff -f"].join("\n");
}

/** Returns the seconds that all copies take together from their common start. */
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

/**
 * Returns the seconds for that many domains with that many vCPUs and copies each. Each measurement has a host of its own, so that nothing is left
 * from an earlier one.
 */
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

/** They are measured one after the other in each run, so that other load on the machine affects all of them. */
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
