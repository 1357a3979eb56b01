/**
 * Interfaces behind a native driver domain that dies again and again while they are busy: what arrives is what was sent. XENARIUM_TRIES=n lets it die n
 * times.
 */
import { describe, expect, it } from "vitest";
import { seeded } from "../random.ts";
import { config } from "./driver.ts";
import { driverHost } from "./driver-host.ts";
import { guestsMissing } from "./images.ts";

const missing = guestsMissing();
const patience = 240_000;
const SEED = Number(process.env.XENARIUM_SEED ?? 20261129);
const DEATHS = Number(process.env.XENARIUM_TRIES ?? 3);
const { ask, made, nativeDriver, says, shown } = driverHost("native-network", patience, { pcpus: 2 });
const VCPUS = 2;
const STREAMS = [0, 1, 2, 3];

/** The other end of each stream sends its data too. A stream that began when nobody waited for it has nothing. */
const talk = (end: string): string =>
  `${end} < /tmp/data | sha256sum | sed "s/^/GOT-/" | grep -v e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`;
const start = async (name: string, last: number, ends: (stream: number) => string): Promise<number> => {
  const script = [
    `busybox ip addr add 10.9.0.${last}/24 dev eth0; busybox ip link set eth0 up`,
    "dd if=/dev/urandom of=/tmp/data bs=64k count=48 2>/dev/null",
    'echo "DATA-$(sha256sum < /tmp/data)"; echo "QUEUES-$(ls -d /sys/class/net/eth0/queues/tx-* | wc -l)"',
    ...STREAMS.map((stream) => `(while :; do ${talk(ends(stream))}; done) &`),
    "wait",
  ];
  const more = [`vcpus = ${VCPUS}`, "vif = ['backend=router']"];
  return (await ask("create", { config: config(name, script, ["xen-netfront"], {}, more) })).domid;
};

describe.skipIf(missing !== null)(`interfaces behind a native driver domain${missing ? ` (${missing})` : ""}`, () => {
  it(`that dies ${DEATHS} times under streams in both directions carry on, and nothing arrives changed`, async () => {
    const random = seeded(SEED);
    const router = await nativeDriver("router", [], 'on_crash = "restart"');
    const one = await start("one", 1, (stream) => `nc -l -p ${5000 + stream}`);
    const other = await start("other", 2, (stream) => `nc 10.9.0.1 ${5000 + stream}`);
    const dataOf = async (domid: number): Promise<string> => (await says(domid, /DATA-(\w{64})/))[1]!;
    const [ofOne, ofOther] = [await dataOf(one), await dataOf(other)];
    for (const domid of [one, other]) expect((await says(domid, /QUEUES-(\d)/))[1]).toBe(String(VCPUS));
    const got = async (domid: number): Promise<string[]> =>
      [...(await shown(domid)).matchAll(/GOT-(\w{64})/g)].map((each) => each[1]!);
    const moves = async (): Promise<void> => {
      const before = [(await got(one)).length, (await got(other)).length];
      for (const [i, domid] of [one, other].entries())
        await expect.poll(async () => (await got(domid)).length, { timeout: patience }).toBeGreaterThan(before[i]! + 1);
    };
    await moves();
    for (let death = 0; death < DEATHS; death++) {
      const since = made.length;
      await ask("sysrq", { domid: router, key: "c" });
      await expect.poll(() => made.slice(since), { timeout: patience, interval: 20 }).toEqual(["router"]);
      // It may die before it has taken up anything again.
      await new Promise((resolve) => setTimeout(resolve, random() < 0.3 ? 0 : random() * 3000));
      if (death % 10 === 9) await moves();
    }
    await moves();
    expect(new Set(await got(one))).toEqual(new Set([ofOther]));
    expect(new Set(await got(other))).toEqual(new Set([ofOne]));
    expect(await ask("checkInvariants")).toBe(0);
    for (const domid of [one, other, router]) await ask("destroy", { domid });
    expect(await ask("checkInvariants")).toBe(0);
  }, 900_000);
});
