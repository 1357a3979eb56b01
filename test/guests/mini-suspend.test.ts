/** The bundled guest suspends and continues in another domain (save and restore) or in its own (a suspend that was cancelled). */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SHARED_INFO_WC_NSEC, SHARED_INFO_WC_SEC } from "../../core/abi/xen.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { bundledGuest } from "../dist.ts";
import { temporaryFolder } from "../temporary.ts";

const folder = temporaryFolder("mini-suspend");
/** The time for one step on a slow machine. */
const STEP = 60_000;
const TEST = 600_000;

let host: HostService;

async function powerOn(pcpus: number): Promise<void> {
  host = builtHost({ memoryMiB: 512, pcpus });
  await host.powerOn();
}
beforeAll(() => powerOn(2));
afterAll(() => host.powerOff(1000));

/** Returns where a symbol of an ELF file lies, by its symbol table. */
function addressOf(elf: Buffer, symbol: string): bigint {
  const sections = Array.from({ length: elf.readUInt16LE(0x3c) }, (_, n) =>
    elf.subarray(Number(elf.readBigUInt64LE(0x28)) + n * elf.readUInt16LE(0x3a)),
  );
  const bytes = (section: Buffer): Buffer => {
    const from = Number(section.readBigUInt64LE(0x18));
    return elf.subarray(from, from + Number(section.readBigUInt64LE(0x20)));
  };
  const table = sections.find((section) => section.readUInt32LE(4) === 2)!;
  const names = bytes(sections[table.readUInt32LE(0x28)]!).toString("latin1");
  const symbols = bytes(table);
  for (let at = 0; at < symbols.length; at += 24)
    if (names.startsWith(`${symbol}\0`, symbols.readUInt32LE(at))) return symbols.readBigUInt64LE(at + 8);
  throw new Error(`there is no ${symbol}`);
}

/** A guest at its console, whichever domain it is in. */
class Mini {
  domid = 0;
  readonly name: string;
  readonly file: string;
  /** How much of the console's log the steps have looked at already. */
  #seen = 0;
  /** Where the log ended when the last command was typed. */
  #typed = 0;

  constructor(name: string) {
    this.name = name;
    this.file = path.join(folder, `${name}.saved`);
  }

  async start(vcpus: number): Promise<void> {
    const config = `name = "${this.name}"\nkernel = "mini"\nmemory = 32\nvcpus = ${vcpus}\ncmdline = "one two"\n`;
    ({ domid: this.domid } = await host.toolstack.request("create", {
      config,
      files: { mini: readFileSync(bundledGuest) },
    }));
    await this.see(/mini> /);
  }

  async #log(): Promise<string> {
    const { log } = await host.toolstack.request("consoleAttach", { domid: this.domid });
    return Buffer.from(log).toString("latin1");
  }

  /** Waits for text that came after what the last step saw. */
  async see(what: RegExp): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    const look = async (): Promise<string> => {
      const text = (await this.#log()).slice(this.#seen);
      found = what.exec(text);
      return text;
    };
    await expect.poll(look, { timeout: STEP, interval: 50 }).toMatch(what);
    this.#seen += found!.index + found![0].length;
    return found!;
  }

  async run(command: string, answer: RegExp): Promise<RegExpExecArray> {
    this.#seen = (await this.#log()).length;
    this.#typed = Date.now();
    await host.toolstack.request("consoleInput", { domid: this.domid, bytes: Buffer.from(`${command}\r`) });
    return this.see(answer);
  }

  async saveAndRestore(): Promise<void> {
    const before = this.domid;
    const { bytes } = await host.toolstack.request("save", { domid: before, file: this.file });
    expect(bytes).toBeGreaterThan(0);
    expect((await host.toolstack.request("list", {})).map(({ domid }) => domid)).not.toContain(before);
    await this.restore();
    expect(this.domid).not.toBe(before);
  }

  async restore(): Promise<void> {
    ({ domid: this.domid } = await host.toolstack.request("restore", { file: this.file }));
    this.#seen = 0;
    await this.see(/resumed \(restored\)\s+mini> /);
  }

  async saveAndResume(): Promise<void> {
    this.#seen = (await this.#log()).length;
    await host.toolstack.request("save", { domid: this.domid, file: this.file, resume: true });
    await this.see(/resumed \(cancelled\)\s+mini> /);
  }

  /** Returns ticks and work by vCPU. */
  async cpus(vcpus: number): Promise<{ ticks: number; work: number; state: string }[]> {
    const line = " +(\\d+) +(\\d+) +(load|idle)\\s+";
    const all = new RegExp(Array.from({ length: vcpus }, (_, n) => ` ${n}${line}`).join("") + "mini> ");
    const [, ...fields] = await this.run("cpu", all);
    return Array.from({ length: vcpus }, (_, n) => ({
      ticks: Number(fields[3 * n]),
      work: Number(fields[3 * n + 1]),
      state: fields[3 * n + 2]!,
    }));
  }

  /** Compares with what they had before the suspend: vCPUs with load work and tick, while the others sleep and have no ticks. */
  async goesOn(vcpus: number, load: number, since: { ticks: number; work: number }[]): Promise<void> {
    const now = async (): Promise<boolean[]> =>
      (await this.cpus(vcpus)).map(({ ticks, work, state }, n) =>
        n < load
          ? state === "load" && ticks > since[n]!.ticks + 3 && work > since[n]!.work
          : state === "idle" && ticks >= since[n]!.ticks && work === since[n]!.work,
      );
    await expect.poll(now, { timeout: STEP, interval: 100 }).toEqual(since.map(() => true));
  }

  async answers(vcpus: number): Promise<void> {
    const [, name, online] = await this.run("info", /name +(\S+)[\s\S]+vCPUs +(\d+)\s+cmdline +one two\s+mini> /);
    expect([name, online]).toEqual([this.name, String(vcpus)]);
    await this.run("xenstore-ls", new RegExp(`feature-suspend = "1"[^]*name = "${this.name}"[^]*mini> `));
    await this.run("late 50", vcpus > 1 ? /50 timers: [^]+50 IPIs to vCPU 1: [^]+mini> / : /50 timers: [^]+mini> /);
  }

  async #memory(address: bigint, bytes: number): Promise<Buffer> {
    const place = {
      domid: this.domid,
      vcpu: 0,
      tables: "kernel",
      space: "virtual",
      address,
      bytes,
    } as const;
    const { pieces } = await host.toolstack.request("inspectMemory", place);
    return Buffer.concat(pieces.map((piece) => piece.bytes!));
  }

  /** The time of day that it computes from its shared_info and its clock is this computer's, to a few ms. */
  async tellsTime(): Promise<void> {
    const pointer = (await this.#memory(addressOf(readFileSync(bundledGuest), "shared_info"), 8)).readBigUInt64LE(0);
    const shared = await this.#memory(pointer, 4096);
    const atZero = shared.readUInt32LE(SHARED_INFO_WC_SEC) * 1000 + shared.readUInt32LE(SHARED_INFO_WC_NSEC) / 1e6;
    // The clock was read at some time between the two. Of several readings the most precise one is used.
    let [late, early] = [-Infinity, -Infinity];
    for (let reading = 0; reading < 10; reading++) {
      const [, seconds] = await this.run("uptime", /host up (\d+\.\d+) s/);
      const told = atZero + Number(seconds) * 1000;
      late = Math.max(late, this.#typed - told);
      early = Math.max(early, told - Date.now());
    }
    expect(late).toBeLessThan(10);
    expect(early).toBeLessThan(10);
  }

  async ownsPages(pages: number): Promise<void> {
    await this.run("mem", new RegExp(`owned +${pages} pages[^]+at start +8192 pages\\s+mini> `));
    const domain = (await host.toolstack.request("list", {})).find(({ domid }) => domid === this.domid)!;
    expect(domain.memoryMiB * 256).toBe(pages);
  }

  async powerOff(): Promise<void> {
    const { domid } = this;
    await host.toolstack.request("consoleInput", { domid, bytes: Buffer.from("poweroff\r") });
    const domids = async (): Promise<number[]> => (await host.toolstack.request("list", {})).map((each) => each.domid);
    await expect.poll(domids, { timeout: STEP }).not.toContain(domid);
    expect(await host.toolstack.request("checkInvariants", {})).toBe(0);
  }
}

describe("the bundled guest", () => {
  it.each([1, 2])(
    "goes on after save and restore, three times, with %i vCPUs, load and pages given back",
    async (vcpus) => {
      const mini = new Mini(`restored-${vcpus}`);
      await mini.start(vcpus);
      await mini.tellsTime();
      await mini.run("free 4", /gave 1024 pages\s+mini> /);
      await mini.run(`load ${vcpus}`, /mini> /);
      await mini.goesOn(
        vcpus,
        vcpus,
        Array.from({ length: vcpus }, () => ({ ticks: 0, work: 0 })),
      );
      for (let round = 0; round < 3; round++) {
        const before = await mini.cpus(vcpus);
        const [, up] = await mini.run("uptime", /up (\d+\.\d+) s/);
        await mini.saveAndRestore();
        await mini.goesOn(vcpus, vcpus, before);
        expect(Number((await mini.run("uptime", /up (\d+\.\d+) s/))[1])).toBeGreaterThan(Number(up));
        await mini.answers(vcpus);
        await mini.ownsPages(7168);
      }
      await mini.run("alloc 4", /took 1024 pages\s+mini> /);
      await mini.ownsPages(8192);
      await mini.saveAndRestore();
      await mini.ownsPages(8192);
      await mini.tellsTime();
      await mini.powerOff();
    },
    TEST,
  );

  it.each([1, 2])(
    "goes on after a suspend that was called off, with %i vCPUs",
    async (vcpus) => {
      const mini = new Mini(`resumed-${vcpus}`);
      await mini.start(vcpus);
      await mini.run("free 4", /gave 1024 pages\s+mini> /);
      // One vCPU is idle, if there are two.
      await mini.run("load 1", /mini> /);
      for (let round = 0; round < 2; round++) {
        const before = await mini.cpus(vcpus);
        await mini.saveAndResume();
        await mini.goesOn(vcpus, 1, before);
      }
      await mini.answers(vcpus);
      const nowhere = path.join(folder, "nowhere", "file");
      await expect(host.toolstack.request("save", { domid: mini.domid, file: nowhere })).rejects.toThrow(
        /no such folder/,
      );
      await mini.see(/resumed \(cancelled\)\s+mini> /);
      expect(existsSync(nowhere)).toBe(false);
      await mini.answers(vcpus);
      // What the domain did in the meantime is in the file that is written last.
      await mini.run("load 0", /mini> /);
      const before = await mini.cpus(vcpus);
      await mini.saveAndRestore();
      expect((await mini.cpus(vcpus)).map(({ state }) => state)).toEqual(before.map(() => "idle"));
      await mini.answers(vcpus);
      await mini.ownsPages(7168);
      await mini.powerOff();
    },
    TEST,
  );

  it(
    "waits when it is asked to suspend and nobody saves it, and can be saved then",
    async () => {
      const mini = new Mini("waits");
      await mini.start(2);
      const { domid } = mini;
      await host.toolstack.request("shutdown", { domid, reason: "suspend" });
      const hasStopped = async (): Promise<boolean> =>
        (await host.toolstack.request("list", {})).some((each) => each.domid === domid && each.state.shutdown);
      await expect.poll(hasStopped, { timeout: STEP }).toBe(true);
      await mini.saveAndResume();
      await mini.answers(2);
      await mini.saveAndRestore();
      await mini.answers(2);
      await mini.powerOff();
    },
    TEST,
  );

  it(
    "goes on at another host, with fewer pCPUs and another time",
    async () => {
      const mini = new Mini("moved");
      await mini.start(2);
      await mini.run("load 2", /mini> /);
      await mini.run("late 50", /50 IPIs to vCPU 1: [^]+mini> /);
      const before = await mini.cpus(2);
      const [, up] = await mini.run("uptime", /up (\d+\.\d+) s/);
      await host.toolstack.request("save", { domid: mini.domid, file: mini.file });
      await host.powerOff(1000);
      await powerOn(1);
      await mini.restore();
      await mini.tellsTime();
      const [, upNow] = await mini.run("uptime", /up (\d+\.\d+) s/);
      expect(Number(upNow)).toBeGreaterThan(Number(up));
      await mini.goesOn(2, 2, before);
      await mini.answers(2);
      await mini.powerOff();
    },
    TEST,
  );
});
