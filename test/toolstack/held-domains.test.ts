/** Copies that dom0 holds for a moment: what the hypervisor refuses is said in a sentence, and each that nothing is made of ends, whatever the others do. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { HypercallError } from "../../core/dom0/kernel/errno.ts";
import { SaveError } from "../../core/dom0/saved/p2m.ts";
import type { Copies } from "../../core/dom0/saved/copies.ts";
import { HeldDomains } from "../../core/toolstack/held-domains.ts";
import type { DomainConfig } from "../../core/toolstack/messages.ts";
import type { Saving } from "../../core/toolstack/saving.ts";

const ENOMEM = 12;
const EBUSY = 16;
const NEVER = new AbortController().signal;
const kept = {
  header: { name: "web", uuid: "u", memoryMiB: 1, config: "" },
  files: {},
  console: new Uint8Array(),
  config: {} as DomainConfig,
};
const as = { name: "web-fork-1", uuid: "v", config: "" };

describe("copies that are held", () => {
  let next: number;
  let dropped: number[];
  let stuck: number[];
  let told: unknown[];
  let fill: Copies["fill"];
  let held: HeldDomains;
  const copies = (): Copies => ({
    fill: (domid, alive) => fill(domid, alive),
    complete: () => ({ storeMfn: 0, consoleMfn: 0 }),
  });
  const shells = {
    make: () => ++next,
    drop: (domid: number) => {
      if (stuck.includes(domid)) throw new HypercallError("destroydomain", EBUSY);
      dropped.push(domid);
    },
  };
  const noDomain = { continue: () => Promise.reject(new Error("it is not to be")) } as unknown as Saving;

  beforeEach(() => {
    next = 0;
    [dropped, stuck, told] = [[], [], []];
    fill = () => Promise.resolve();
    held = new HeldDomains(shells, (event, data) => void told.push({ event, data }));
  });

  it("all end when they are forgotten, though one can't be ended; that one is told of", async () => {
    stuck = [1];
    await held.hold("h", kept, copies, 3, NEVER);
    await vi.waitUntil(() => next === 3);
    await held.forget("h");
    expect(dropped).toEqual([2, 3]);
    expect(told).toEqual([
      {
        event: "notice",
        data: {
          severity: "error",
          domid: 1,
          message:
            "Domain 1, a copy of web that nothing was made of, can't be ended: the hypervisor refused destroydomain: EBUSY. It keeps its memory until the host is powered off.",
        },
      },
    ]);
    held.check("web", "h", 1, 1, 1);
  });

  it("of one that can't go on, and can't be ended either, the reason why it can't go on is given", async () => {
    stuck = [1];
    await held.hold("h", kept, copies, 1, NEVER);
    await expect(held.continue(noDomain, "h", as)).rejects.toThrow("it is not to be");
    expect(told).toHaveLength(1);
  });

  it("that are forgotten keep nobody waiting who was to go on with one before all had their memory", async () => {
    fill = async (domid, alive) => {
      while (domid > 1) {
        alive();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await held.hold("h", kept, copies, 3, NEVER);
    const going = expect(held.continue(noDomain, "h", as)).rejects.toThrow("The copies are not wanted any more.");
    expect([1, 2].map((domid) => held.isShell(domid))).toEqual([true, true]);
    await held.forget("h");
    await going;
    expect(dropped).toEqual([1, 2]);
    expect([1, 2].map((domid) => held.isShell(domid))).toEqual([false, false]);
  });

  it("are refused in a sentence where the hypervisor refuses, or the guest's memory can't be copied: the first as any", async () => {
    const sentence = "web can't be copied: the hypervisor refused copy memory: ENOMEM.";
    const refused = new HypercallError("copy memory", ENOMEM);
    fill = () => Promise.reject(refused);
    await expect(held.hold("first", kept, copies, 2, NEVER)).rejects.toMatchObject({
      name: "Refusal",
      code: "ENOMEM",
      message: sentence,
    });
    await held.forget("first");
    const unread = (): Copies => {
      throw refused;
    };
    await expect(held.hold("none", kept, unread, 1, NEVER)).rejects.toThrow(sentence);
    for (const [error, message] of [
      [refused, sentence],
      [new SaveError("Its P2M is empty."), "Its P2M is empty."],
    ] as const) {
      const first = next + 1;
      fill = (domid) => (domid === first ? Promise.resolve() : Promise.reject(error));
      await held.hold("second", kept, copies, 2, NEVER);
      await expect(held.continue(noDomain, "second", as)).rejects.toMatchObject({ name: "Refusal", message });
      await held.forget("second");
    }
    expect(dropped).toEqual([1, 2, 3, 4, 5]);
  });
});
