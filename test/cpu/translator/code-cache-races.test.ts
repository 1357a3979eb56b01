/** Code that changes while it is translated: what is kept on disk must be what the pages of its key hold, whoever writes to them and whenever that is noticed. */
import { describe, expect, it } from "vitest";
import { CodeCache } from "../../../core/machine/translator/code-cache/store.ts";
import { temporaryFolder } from "../../temporary.ts";
import { compileEngine } from "../engine.ts";
import { Machine, RAX } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

const VERSION = "0123456789abcdef";
const [CODE, FRAME, POOL] = [0x40_0000n, 0x3a0_0000, 0x3b0_0000];
/** MOV EAX, a number; INT3. */
const numbered = (n: number): string => `b8 ${n.toString(16).padStart(2, "0")} 00 00 00 cc`;

/** A machine with that code at CODE, and a translator with the cache. `decoded` is called after each instruction that was decoded. */
async function machine(cache: CodeCache, code: string, decoded: (m: Machine) => void = () => {}) {
  const m = new Machine(await compileEngine());
  m.map(CODE, FRAME);
  m.put(FRAME, code);
  const decode = m.exports.engine_decode!;
  const exports = {
    ...m.exports,
    engine_decode: (...args: number[]) => {
      const length = decode(...args);
      decoded(m);
      return length;
    },
  };
  const translated = new TranslatedCode(exports as unknown as WebAssembly.Exports, m.memory, POOL, { known: cache });
  const translate = (): void => {
    m.rip = CODE;
    translated.translate(translated.request(FRAME, CODE));
  };
  return { m, translated, translate };
}
/** Translates the code and runs it. Returns RAX, and how many regions were known. */
async function run(cache: CodeCache, code: string, decoded?: (m: Machine) => void) {
  const { m, translated, translate } = await machine(cache, code, decoded);
  translate();
  m.exports.engine_flush!();
  m.rip = CODE;
  m.run();
  return { rax: m.reg(RAX), known: translated.known };
}

describe("code that changes while it is translated", () => {
  // A disk's data is in a page before anybody hears of it: the thread that reads has written it, and says so afterwards.
  it("is not kept as that of what a device has meanwhile put there", async () => {
    const cache = CodeCache.open(temporaryFolder("code-cache"), VERSION)!;
    await run(cache, numbered(66), (m) => m.put(FRAME, numbered(7)));
    expect(await run(cache, numbered(7))).toEqual({ rax: 7n, known: 0 });
  });

  it("is not kept as that of what was there when the page was last looked at", async () => {
    const cache = CodeCache.open(temporaryFolder("code-cache"), VERSION)!;
    const { m, translate } = await machine(cache, numbered(7));
    // The first look at the page is that into the cache, before anything is decoded.
    const find = cache.find.bind(cache);
    cache.find = (...args) => {
      m.put(FRAME, numbered(66));
      return find(...args);
    };
    translate();
    cache.find = find;
    expect(await run(cache, numbered(7))).toEqual({ rax: 7n, known: 0 });
    expect(await run(cache, numbered(66))).toMatchObject({ rax: 66n });
  });
});
