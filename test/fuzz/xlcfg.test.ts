/** xl.cfg text spoiled in every way: the result must be a configuration, or sentences that say what is wrong. XENARIUM_TRIES=100000 by hand. */
import { describe, expect, it } from "vitest";
import { parseXlConfig } from "../../core/toolstack/xlcfg.ts";
import { breath } from "../breath.ts";
import { ownMilliseconds } from "../process.ts";
import { mutate, pick, random, SEED, triesOf } from "./random.ts";

const TRIES = triesOf(3000);
const MOST_MS = 1000;

const TEXTS = [
  'name = "a"\nkernel = "/boot/vmlinuz"\nramdisk = "/boot/initrd"\nmemory = 256\nvcpus = 2\nextra = "quiet"\n',
  'name="b"; kernel="k"; memory=64; maxmem=128; cpus="0-3,^2"; on_crash="destroy" # a comment\n',
  "kernel = 'x'\ndisk = [ 'file:/a.img,xvda,w', \"format=raw, vdev=xvdb, access=ro, target=/b\" ]\nvif = [ 'bridge=xenbr0', '' ]\n",
  'type = "pvh"\nuuid = "0000-1111"\ncpu_weight = 256\ncap = 0\ntsc_mode = "native"\ncmdline = """\nlong\n"""\n',
  "",
];
const PIECES = [
  ..."[]()\"'#;=,\\\n\r\t\0 ",
  ...["[[[[[", "]]]]", '"""', "'''", "=", "== 1", "memory = -1", "memory = 99999999999999999999", "vcpus = 0x10"],
  ...["name = 5", 'name = "../../x"', "__proto__ = 1", "constructor = 'x'", "cpus = '0-4294967295'", "kernel = ['a']"],
  ...["\u2028", "ä", "\ufeff", "a".repeat(5000), "[".repeat(5000), "'a',".repeat(2000), "1".repeat(400)],
];

describe("an xl.cfg", () => {
  it(`is read, or refused with sentences, spoiled ${TRIES} times (seed ${SEED})`, async () => {
    const chance = random(SEED);
    let [good, bad, slowest] = [0, 0, 0];
    for (let i = 0; i < TRIES; i++) {
      if (i % 500 === 0) await breath();
      let text = pick(chance, TEXTS);
      for (let n = chance(4); n > 0; n--) {
        const at = chance(text.length + 1);
        text = text.slice(0, at) + pick(chance, PIECES) + text.slice(at + chance(3));
      }
      if (chance(2) === 0) text = mutate(chance, Buffer.from(text || " ")).toString(pick(chance, ["utf8", "latin1"]));
      const began = ownMilliseconds();
      const { config, diagnostics } = parseXlConfig(text);
      slowest = Math.max(slowest, ownMilliseconds() - began);
      if (config) {
        good++;
        expect(typeof config.name === "string" && config.memoryMiB > 0 && config.vcpus > 0, `try ${i}`).toBe(true);
      } else {
        bad++;
        const errors = diagnostics.filter(({ severity }) => severity === "error");
        expect(errors.length, `try ${i}`).toBeGreaterThan(0);
        for (const { message } of errors) expect(message.length, `try ${i}`).toBeGreaterThan(5);
      }
      expect(JSON.stringify(diagnostics).length, `try ${i}`).toBeLessThan(1 << 20);
    }
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(slowest).toBeLessThan(MOST_MS);
    expect(Math.min(good, bad)).toBeGreaterThan(TRIES / 50);
  });
});
