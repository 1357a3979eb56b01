/** Saved domains that somebody has spoiled: each is refused with a sentence or is a guest like any other. XENARIUM_SEED=n tries others. */
import path from "node:path";
import { START_INFO_CONSOLE_MFN, START_INFO_STORE_MFN } from "../../core/abi/xen.ts";
import {
  CPU_USER_REGS_CS,
  CPU_USER_REGS_FS,
  CPU_USER_REGS_RDX,
  CPU_USER_REGS_RFLAGS,
  CPU_USER_REGS_RIP,
  CPU_USER_REGS_RSP,
  CPU_USER_REGS_SS,
  VCPU_GUEST_CONTEXT_CTRLREG,
  VCPU_GUEST_CONTEXT_FLAGS,
  VCPU_GUEST_CONTEXT_GDT_ENTS,
  VCPU_GUEST_CONTEXT_GDT_FRAMES,
  VCPU_GUEST_CONTEXT_SIZE,
  VCPU_GUEST_CONTEXT_USER_REGS,
} from "../../core/abi/arch_x86.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { ToolstackError } from "../../core/toolstack/client.ts";
import { builtHost } from "../built-host.ts";
import { pick, random as randomFrom, type Random } from "../fuzz/random.ts";
import { temporaryFolder } from "../temporary.ts";
import { PAGES, recordsOf, savedImage, suspendingImage, TABLES, writeImage, type SavedImage } from "./saved-image.ts";
import { onConsole } from "./on-console.ts";

const file = path.join(temporaryFolder("hostile"), "hostile.saved");
const SEED = Number(process.env.XENARIUM_SEED ?? 20261121);
const TRIES = Number(process.env.XENARIUM_TRIES ?? 600);
const CHECK_EVERY = 100;
/** DOMID_FIRST_RESERVED: Xen itself, and nobody. */
const FIRST_RESERVED = 0x7ff0;
let host: HostService;
let mini: number;

const { ask, shown } = onConsole(() => host);
const freeFrames = async (): Promise<number> =>
  (await ask("frameMap", {})).palette
    .filter(({ kind }) => kind === "free")
    .reduce((sum, { frames }) => sum + frames, 0);
/** Returns the domains that have frames and should not. */
const strangers = async (): Promise<number[]> =>
  (await ask("frameMap", {})).palette
    .map(({ domid }) => domid)
    .filter((domid) => domid !== 0 && domid !== mini && domid < FIRST_RESERVED);
let said = 0;
/** The working guest beside it answers. */
async function answers(): Promise<void> {
  const word = `word${++said}`;
  await ask("consoleInput", { domid: mini, bytes: Buffer.from(`${word}\r`) });
  // The word as it is typed, and in the message that there is no such command.
  await expect.poll(() => shown(mini)).toMatch(new RegExp(`${word}[\\s\\S]*${word}`));
}

const word = (random: Random): bigint => (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
/** A pfn that could exist, or could not. */
const anyPfn = (random: Random): bigint =>
  pick(random, [
    () => BigInt(random(PAGES)),
    () => BigInt(random(PAGES)),
    () => BigInt(random(PAGES)),
    () => BigInt(random(100_000)),
    () => BigInt((1 << 20) - 1 + random(3)),
    () => 0xfffffffen + BigInt(random(3)),
    () => word(random) >> BigInt(random(64)),
  ])();

/** Each spoils one thing of an image. */
const SPOIL: Record<string, (image: SavedImage, random: Random) => void> = {
  "page type": ({ pages }, random) => (pick(random, pages).type = random(16)),
  pfn: ({ pages }, random) => (pick(random, pages).pfn = anyPfn(random) & ((1n << 60n) - 1n)),
  "page left out": ({ pages }, random) => void pages.splice(random(pages.length), 1),
  "pages in another order": ({ pages }, random) => void pages.push(...pages.splice(0, random(pages.length))),
  "table entry": ({ pages }, random) =>
    pages[pick(random, TABLES)]?.data.setBigUint64(
      8 * pick(random, [random(PAGES), random(PAGES), 256, 271, 272, random(512)]),
      (anyPfn(random) << 12n) |
        pick(random, [0x7n, 0x7n, 0x5n, 0x1n, 0xe7n, 0x27n, BigInt(random(4096)), (1n << 63n) | 7n]),
      true,
    ),
  "table of noise": ({ pages }, random) => {
    const { data } = pages[pick(random, TABLES)] ?? pages[0]!;
    for (let i = 0; i < 512; i++) data.setBigUint64(8 * i, word(random), true);
  },
  "context's table": ({ contexts }, random) =>
    pick(random, contexts).setBigUint64(
      VCPU_GUEST_CONTEXT_CTRLREG + 8 * pick(random, [1, 3]),
      anyPfn(random) << 12n,
      true,
    ),
  "context's GDT": ({ contexts }, random) => {
    const context = pick(random, contexts);
    context.setBigUint64(
      VCPU_GUEST_CONTEXT_GDT_ENTS,
      pick(random, [0n, 1n, 512n, 513n, 8192n, 8193n, word(random)]),
      true,
    );
    for (let i = random(4); i >= 0; i--)
      context.setBigUint64(VCPU_GUEST_CONTEXT_GDT_FRAMES + 8 * i, anyPfn(random), true);
  },
  "context's register": ({ contexts }, random) => {
    const at = pick(random, [
      VCPU_GUEST_CONTEXT_FLAGS,
      VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RDX,
      VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RIP,
      VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_CS,
      VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RFLAGS,
      VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RSP,
      VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_SS,
      VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_FS,
    ]);
    pick(random, contexts).setBigUint64(at, pick(random, [anyPfn, word])(random), true);
  },
  "context's anything": ({ contexts }, random) =>
    pick(random, contexts).setBigUint64(8 * random(VCPU_GUEST_CONTEXT_SIZE / 8), word(random), true),
  "context of noise": ({ contexts }, random) => {
    const context = pick(random, contexts);
    for (let at = 0; at < context.byteLength; at += 8) context.setBigUint64(at, word(random), true);
  },
  "contexts of too many": ({ contexts }) => void contexts.push(...contexts, ...contexts),
  "start_info elsewhere": ({ contexts }, random) =>
    contexts[0]!.setBigUint64(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RDX, anyPfn(random), true),
  "P2M's frames": ({ p2m }, random) => (p2m.frames = Array.from({ length: random(4) }, () => anyPfn(random))),
  "P2M's end": ({ p2m }, random) => (p2m.end = Number(anyPfn(random) & 0xffffffffn)),
  "P2M's entries": ({ pages }, random) => pages[4]!.data.setBigUint64(8 * random(512), word(random), true),
  shared_info: ({ sharedInfo }, random) => {
    for (let i = random(20); i >= 0; i--) sharedInfo.setBigUint64(8 * random(512), word(random), true);
  },
  ring: ({ pages }, random) =>
    pages[0]!.data.setBigUint64(pick(random, [START_INFO_STORE_MFN, START_INFO_CONSOLE_MFN]), anyPfn(random), true),
  "what is in a ring": ({ pages }, random) => {
    const { data } = pages[2 + random(2)]!;
    for (let at = 0; at < 4096; at += 8) data.setBigUint64(at, word(random), true);
  },
};
const SPOIL_RECORDS: Record<string, (records: Uint8Array[], random: Random) => void> = {
  "record left out": (records, random) => void records.splice(1 + random(records.length - 1), 1),
  "record twice": (records, random) => void records.splice(1 + random(records.length - 1), 0, pick(random, records)),
  "records in another order": (records, random) => {
    const [moved] = records.splice(1 + random(records.length - 2), 1);
    records.splice(1 + random(records.length - 1), 0, moved!);
  },
  "a record's head or count": (records, random) => {
    const record = pick(random, records);
    const at = 4 * random(Math.min(6, record.length / 4));
    new DataView(record.buffer).setUint32(at, pick(random, [random(20), random(2 ** 32), random(2 ** 23)]), true);
  },
  "a record cut short": (records, random) => {
    const i = 1 + random(records.length - 1);
    const record = records[i]!.slice(0, 8 + 8 * random(records[i]!.length / 8));
    new DataView(record.buffer).setUint32(4, record.length - 8, true);
    records[i] = record;
  },
  "any bytes": (records, random) => {
    for (let i = random(30); i >= 0; i--) {
      const record = pick(random, records);
      record[random(record.length)] = random(256);
    }
  },
  "the end is missing": (records, random) => void records.splice(1 + random(records.length - 1)),
};

/** Returns the error if it was refused; otherwise the domain has run and is gone. */
async function attempt(): Promise<unknown> {
  let domid: number;
  try {
    ({ domid } = await ask("restore", { file }));
  } catch (error) {
    return error;
  }
  await ask("list", {});
  await ask("destroy", { domid }).catch((error: unknown) => {
    // It may have crashed, and have been destroyed for that.
    if (!(error instanceof ToolstackError && error.code === "ESRCH")) throw error;
  });
  return null;
}

beforeAll(async () => {
  host = builtHost();
  await host.powerOn();
  mini = (await ask("create", (await host.bundled(1)) as never)).domid;
});
afterAll(() => host.powerOff(1000));

describe("a saved domain that is spoiled", () => {
  it("runs when nothing of it is spoiled", async () => {
    await expect.poll(() => shown(mini)).toMatch(/mini> /);
    writeImage(file, "whole", recordsOf(savedImage()));
    const { domid } = await ask("restore", { file });
    const state = async () => (await ask("list", {})).find((domain) => domain.domid === domid)?.stateString;
    await expect.poll(state).toBe("-b----");
    await ask("destroy", { domid });
    expect(await shown(domid)).toBe("O");
  });

  it(
    `is refused or a guest like any other (seed ${SEED})`,
    async () => {
      const random = randomFrom(SEED);
      const before = await freeFrames();
      const outcomes = { refused: 0, made: 0 };
      const reasons = new Map<string, string>();
      for (let i = 0; i < TRIES; i++) {
        const image = savedImage();
        const what: string[] = [];
        const some = <T>(all: Record<string, T>): T => {
          const name = pick(random, Object.keys(all));
          what.push(name);
          return all[name]!;
        };
        const inRecords = random(3) === 0;
        for (let n = random(3); !inRecords && n >= 0; n--) some(SPOIL)(image, random);
        const records = recordsOf(image);
        if (inRecords) some(SPOIL_RECORDS)(records, random);
        writeImage(file, "hostile", records);
        const error = await attempt();
        const which = `seed ${SEED}, try ${i}: ${what.join(", ")}`;
        if (error === null) outcomes.made++;
        else {
          outcomes.refused++;
          expect(error, which).toBeInstanceOf(ToolstackError);
          const { code, message } = error as ToolstackError;
          expect(code, `${which}: ${message}`).not.toBe("EIO");
          expect(message, which).toMatch(/^.+ can't be restored: [^\n]+\.$/);
          expect(message.startsWith(file), `${which}: ${message}`).toBe(true);
          reasons.set(message.slice(file.length).replace(/\d+/g, "N"), which);
        }
        if (i % CHECK_EVERY === CHECK_EVERY - 1) {
          expect(await ask("checkInvariants", {}), which).toBe(0);
          expect(
            (await ask("list", {})).map(({ domid }) => domid),
            which,
          ).toEqual([0, mini]);
          await expect.poll(strangers, { message: which }).toEqual([]);
          // What was destroyed is given back gradually, and the size of the hypervisor's heap varies.
          await expect.poll(freeFrames, { message: which }).toBeGreaterThan(before - 32);
          await answers();
        }
      }
      if (process.env.XENARIUM_SEED) console.log(outcomes, reasons);
      expect(outcomes.refused).toBeGreaterThan(TRIES / 10);
      expect(outcomes.made).toBeGreaterThan(TRIES / 10);
    },
    600_000 + 200 * TRIES,
  );
});

describe("a guest that says of itself what is not so when it is saved", () => {
  /** The pages of a domain whose guest has suspended by itself. */
  const suspended = async (pages: bigint): Promise<number> => {
    writeImage(file, "liar", recordsOf(suspendingImage(pages)));
    const { domid } = await ask("restore", { file });
    const state = async () => (await ask("list", {})).find((domain) => domain.domid === domid)?.shutdownReason;
    await expect.poll(state).toBe("suspend");
    return domid;
  };
  const runs = async (domid: number): Promise<void> => {
    const state = async () => (await ask("list", {})).find((domain) => domain.domid === domid)?.stateString;
    await expect.poll(state).toBe("-b----");
    await ask("destroy", { domid });
    expect(await shown(domid)).toBe("R");
  };

  it("is saved and restored when it is so", async () => {
    await ask("save", { domid: await suspended(BigInt(PAGES)), file });
    await runs((await ask("restore", { file })).domid);
    expect(await ask("checkInvariants", {})).toBe(0);
  });

  it.each([
    [0n, "The guest says that it has 0 pages; 1 to 1048576 can be saved."],
    [(1n << 20n) + 1n, "The guest says that it has 1048577 pages; 1 to 1048576 can be saved."],
    [(1n << 64n) - 1n, "The guest says that it has 18446744073709551615 pages; 1 to 1048576 can be saved."],
    // Its one list has 512 entries, all of the same frame.
    [1n << 18n, `The guest lists ${512 * PAGES} frames of its memory; it has ${PAGES}.`],
    // More lists would be needed.
    [1n << 20n, "The list that the guest keeps of its memory's frames names frames that are not its own."],
    // Page 13 is in the list, and the tables have frames beyond it.
    [2n, /^The guest's memory can't be saved: .* frame 0x[0-9a-f]+, which .*\.$/],
  ])("is not saved, and goes on: %d pages", async (pages, message) => {
    const domid = await suspended(pages);
    const error: unknown = await ask("save", { domid, file }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ToolstackError);
    expect((error as ToolstackError).code).toBe("EINVAL");
    if (typeof message === "string") expect((error as ToolstackError).message).toBe(message);
    else expect((error as ToolstackError).message).toMatch(message);
    await runs(domid);
    expect(await ask("checkInvariants", {})).toBe(0);
  });
});
