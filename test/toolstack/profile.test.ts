import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import type { Profile } from "../../core/toolstack/profile/samples.ts";
import { profileReport } from "../../core/toolstack/profile/report.ts";
import { loadKernel } from "../../core/dom0/builder/image.ts";
import { kallsyms } from "../../core/toolstack/profile/kallsyms.ts";
import { Symbols, elfSymbols, systemMapSymbols } from "../../core/toolstack/profile/symbols.ts";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { compilerMissing, guestBench } from "../guests/programs.ts";
import { runGuest } from "../guests/run.ts";
import { temporaryFolder } from "../temporary.ts";

const MAP = [
  "0000000000000000 A fixed_percpu_data",
  "ffffffff81000000 T _text",
  "ffffffff81000000 T _stext",
  "ffffffff81000040 t helper",
  "ffffffff81000080 D data_is_no_code",
  "ffffffff81000100 W weak\t[module]",
].join("\n");

describe("a kernel's symbols", () => {
  it("are read from System.map: code only, the nearest below, users' addresses never", () => {
    const symbols = systemMapSymbols(MAP)!;
    expect(symbols.find(0xffffffff81000000n)).toEqual({ name: "_text", offset: 0 });
    expect(symbols.find(0xffffffff8100003fn)).toEqual({ name: "_text", offset: 0x3f });
    expect(symbols.find(0xffffffff81000099n)).toEqual({ name: "helper", offset: 0x59 });
    expect(symbols.find(0xffffffff81000100n)).toEqual({ name: "weak", offset: 0 });
    expect(symbols.find(0xffffffff80ffffffn)).toBeNull();
    expect(symbols.find(0xffffffffa0000000n)).toBeNull();
    expect(symbols.find(0x401000n)).toBeNull();
    expect(new Symbols([]).find(0xffffffff81000000n)).toBeNull();
  });

  it("are not seen in what has none: text, zeroes that kptr_restrict leaves, other files", () => {
    for (const text of ["", "hello\nworld", "0000000000000000 T _text\n0000000000000000 t helper\n", "\x7fELF"])
      expect(systemMapSymbols(text)).toBeNull();
    expect(elfSymbols(Buffer.from("MZ".padEnd(200, "x")))).toBeNull();
  });

  it.skipIf(compilerMissing() !== null)("are read from an ELF file, and a damaged one is no error", () => {
    const bytes = readFileSync(guestBench());
    const symbols = elfSymbols(bytes)!;
    expect(symbols.size).toBeGreaterThan(100);
    for (let cut = 0; cut < bytes.length; cut += 9973) elfSymbols(bytes.subarray(0, cut));
    let seed = 1;
    for (let n = 0; n < 300; n++) {
      const damaged = Buffer.from(bytes.subarray(0, 200_000));
      // Damages some of the first 64 bytes, which are headers and tell where the section headers are.
      for (let change = 0; change < 8; change++) {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        damaged[seed % 64] = seed >> 16;
      }
      damaged.write("\x7fELF\x02\x01", 0, "latin1");
      damaged.writeBigUInt64LE(BigInt(seed % damaged.length), 40);
      elfSymbols(damaged);
    }
  });
});

const NOTHING: Profile = {
  pcpus: 2,
  seconds: 0,
  samples: 0,
  idle: 0,
  hostOnly: 0,
  spots: [],
  domains: [],
  tlb: { walks: 0, flushes: 0, pageFlushes: 0 },
  translation: {
    requests: 0,
    regions: 0,
    modules: 0,
    clusters: 0,
    known: 0,
    bytes: 0,
    evicted: 0,
    entries: 0,
    translating: 0,
    adopting: 0,
  },
};

describe("a profile's text", () => {
  it("has the hottest first, functions summed over their places, percent of what is not idle", () => {
    const spot = (executor: "translated" | "interpreted" | "hypervisor", address: bigint, samples: number) => ({
      executor,
      domid: 3,
      address,
      samples,
    });
    const text = profileReport(
      {
        ...NOTHING,
        samples: 200,
        idle: 100,
        hostOnly: 10,
        spots: [
          spot("interpreted", 0xffffffff81000040n, 5),
          spot("translated", 0xffffffff81000050n, 25),
          spot("translated", 0x401000n, 40),
          spot("hypervisor", 0xffffffff81000100n, 20),
        ],
        domains: [
          { domid: 3, vcpus: 1, instructions: 7, pageFaults: 2, exits: [1, 0, 5], hypercalls: [0, 9, 0, 0, 0, 0, 0] },
        ],
      },
      { symbols: systemMapSymbols(MAP), symbolsMissing: null },
    );
    expect(text).toMatch(/65\.0 % +65 +translated code/);
    expect(text).toMatch(/50\.0 % +100 +idle/);
    expect(text).toMatch(/30\.0 % +30 +25 T +5 I +0 X +helper\n/);
    expect(text.indexOf("0000000000401000")).toBeLessThan(text.indexOf("ffffffff81000050"));
    expect(text).toMatch(/ffffffff81000050 +helper\+0x10\n/);
    expect(text).toMatch(/5 +SYSCALL/);
    expect(text).toMatch(/9 +mmu_update/);
    expect(text).not.toMatch(/stack_switch|HLT/);
  });

  it("can be made of nothing", () => {
    const text = profileReport(NOTHING, { symbols: null, symbolsMissing: "No names." });
    expect(text).toMatch(/No names\./);
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });
});

const folder = temporaryFolder("profile");
const missing = guestsMissing();

describe(`xenarium run --profile${missing ? ` (${missing})` : ""}`, () => {
  it("refuses symbols that are none, and symbols without a profile, before the host is on", async () => {
    const text = path.join(folder, "text");
    writeFileSync(text, "no symbols");
    const kernel = ["--kernel", text];
    const none = await runGuest([...kernel, "--profile", path.join(folder, "p"), "--symbols", text]);
    expect(none.status).toBe(2);
    expect(none.stderr).toMatch(/has no symbols/);
    const alone = await runGuest([...kernel, "--symbols", text]);
    expect(alone.status).toBe(2);
    expect(alone.stderr).toMatch(/--profile/);
  });

  it.skipIf(missing !== null)(
    "writes where a Debian kernel's time went, with its functions' names",
    async () => {
      const file = path.join(folder, "profile");
      const work = "i=0; while [ $i -lt 300 ]; do cat /proc/uptime >/dev/null; i=$((i+1)); done";
      const script = `${work}; sleep 1; echo SYMBOLS; cat /proc/kallsyms; poweroff -f`;
      const { status, stdout } = await runGuest([
        ...["--kernel", debianKernel(), "--cmdline", "console=hvc0 quiet", "--ramdisk", initramfs("ready", script)],
        ...["--vcpus", "2", "--pcpus", "2", "--timeout", "120", "--profile", file],
      ]);
      expect(status).toBe(0);
      const text = readFileSync(file, "utf8");
      expect(text).not.toMatch(/NaN|undefined|Infinity/);
      const count = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
      expect(text).toMatch(/on 2 pCPU\(s\)/);
      expect(text).toMatch(/Domain 1: 2 vCPU\(s\)/);
      expect(count(/(\d+) +translated code/)).toBeGreaterThan(100);
      expect(count(/(\d+) +interpreter/)).toBeGreaterThan(10);
      // The kernel does this at each start, whatever else the machine does.
      expect(text).toMatch(/ (inflate_fast|xen_vmalloc_p2m_tree|text_poke_early|__handle_mm_fault|unmap_page_range)\n/);
      expect(text).toMatch(/\+0x[0-9a-f]+\n/);
      // 300 processes: each of them is made, mapped and ended by hypercalls.
      expect(count(/(\d+) +mmu_update/)).toBeGreaterThan(10_000);
      expect(count(/(\d+) +iret/)).toBeGreaterThan(10_000);
      expect(count(/(\d+) +SYSCALL/)).toBeGreaterThan(20_000);
      expect(count(/(\d+) instructions/)).toBeGreaterThan(500e6);
      expect(count(/(\d+) page faults/)).toBeGreaterThan(10_000);
      expect(count(/(\d+) +regions made/)).toBeGreaterThan(100);
      expect(count(/(\d+) +walks/)).toBeGreaterThan(10_000);
      expect(count(/(\d+) +flushes of a whole/)).toBeGreaterThan(100);

      // The kernel itself says what its functions are called. It must be what was found in its image.
      const said = systemMapSymbols(stdout.slice(stdout.indexOf("SYMBOLS")).replaceAll("\r", ""))!;
      const { bytes } = await loadKernel(readFileSync(debianKernel()), "vmlinuz");
      const found = kallsyms(bytes)!;
      expect(found.size).toBeGreaterThan(40_000);
      const differ: string[] = [];
      for (let address = 0xffffffff81000000n; address < 0xffffffff82000000n; address += 97n)
        if (!isDeepStrictEqual(found.find(address), said.find(address))) differ.push(address.toString(16));
      expect(differ).toEqual([]);
    },
    240_000,
  );

  it.skipIf(missing !== null)("looks for symbols in damaged images without an error", async () => {
    const { bytes } = await loadKernel(readFileSync(debianKernel()), "vmlinuz");
    // A part of the image around the table of tokens.
    const tokens = bytes.indexOf(Buffer.from("0\x001\x002\x003\x004\x005\x006\x007\x008\x009\0"), 0x1400000);
    const part = bytes.subarray(tokens - (3 << 20), tokens + 4096);
    expect(kallsyms(part)?.size).toBeGreaterThan(40_000);
    expect(kallsyms(part.subarray(0, part.length - 4000))).toBeNull();
    expect(kallsyms(part.subarray(part.length - 5000))).toBeNull();
    let seed = 7;
    for (let n = 0; n < 20; n++) {
      const damaged = Buffer.from(part);
      for (let change = 0; change < 200; change++) {
        seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
        damaged[seed % damaged.length] = seed >> 16;
      }
      kallsyms(damaged);
    }
  });
});
