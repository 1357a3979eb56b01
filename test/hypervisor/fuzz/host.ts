/**
 * A host for the hostile guests (guest/, pvh/). A round has two PV domains and a PVH one, which are each other's peers in grants and events, beside a
 * domain that checks what frames it gets and an ordinary guest. The checker looks while they run and after each round.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { DEFAULT_BOOT_CONFIG } from "../../../core/toolstack/boot-config.ts";
import { PoweredHost } from "../../../core/toolstack/power.ts";
import { dist } from "../../dist.ts";
import { ownMilliseconds } from "../../process.ts";
import { temporaryFolder } from "../../temporary.ts";
import { madeKernel } from "../made-kernel.ts";
import { Forks, type ForksTally } from "./forks.ts";
import { TraceWatch } from "./traced.ts";

/** Hostile guests that have said nothing for this long make no calls any more. */
const QUIET_MS = 3000;
/** A round whose own calls have become slow ends, to make room for the next one. */
const LONGEST_MS = 10_000;
/**
 * The time that each vCPU has to make its first calls, both of the clock and of processor time, which a busy computer gives only in the longest time.
 */
const FIRST_CALLS_MS = 60_000;
const LONGEST_FIRST_CALLS_MS = 300_000;
/** The time between two checks while guests run. */
const CHECK_MS = 700;
const PVH_KERNEL = "fuzz-pvh.elf";
const root = path.resolve(import.meta.dirname, "../../..");

export const haveCompiler = (() => {
  try {
    execFileSync("gcc", ["--version"]);
    return true;
  } catch {
    if (process.env.CI) throw new Error("the fuzz guest needs gcc and make");
    return false;
  }
})();

/** How often each hypercall was tried in well-made calls, and how often it succeeded, by "number.operation" (a PVH guest's with P before it). */
export type Tally = Map<string, { ok: number; tried: number }>;

export interface FuzzResult {
  calls: number;
  rounds: number;
  checks: number;
  seconds: number;
  tally: Tally;
  forks: ForksTally;
  /** Rounds in which the memory of a PVH domain began as an entry of 1 GiB. */
  huge: number;
}

/** How much is done: rounds until `calls` hypercalls are made or `seconds` are over, but at least `rounds` of them. */
export interface FuzzExtent {
  calls: number;
  seconds: number;
  rounds: number;
}

/** Rounds of this many different kinds exist. */
export const KINDS = 4;
/**
 * In the first KINDS of so many rounds, one of each kind, the domains are forked. Forks stop the domains again and again, so the other rounds make many
 * more calls in their time.
 */
export const CYCLE = 4 * KINDS;
const hasForks = (seed: number): boolean => seed % CYCLE < KINDS;
const HOST_MIB = Number(process.env.XENARIUM_FUZZ_MEMORY ?? 512);
const LARGE_MIB = 1056;
/**
 * In the next KINDS rounds the PVH domain has more than 1 GiB, if the host has room for that, which its second stage has as one entry in the beginning.
 */
const isLarge = (seed: number): boolean =>
  HOST_MIB > 2 * LARGE_MIB && seed % CYCLE >= KINDS && seed % CYCLE < 2 * KINDS;
/**
 * What is done in a round, all of it derived from its seed: for two PV domains and a PVH one, the memory, the vCPUs and the wild calls in a thousand
 * operations.
 */
function plan(seed: number): { memory: number[]; vcpus: number[]; wild: number[] } {
  return {
    memory: [16, 16, isLarge(seed) ? LARGE_MIB : 16],
    vcpus: [2 + (seed % 3), 2 + (Math.floor(seed / 3) % 3), 2 + (Math.floor(seed / 9) % 3)],
    // A wild domain cannot check itself, so the others check it.
    wild: [
      [0, 0, 0],
      [300, 0, 0],
      [0, 0, 100],
      [30, 0, 0],
    ][seed % KINDS]!,
  };
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Measures milliseconds from now on: by the clock, or of this process's processor time. */
function stopwatch(clock: () => number): () => number {
  const began = clock();
  return () => clock() - began;
}

export class FuzzHost {
  private log = "";
  private line = "";
  private gone: string | null = null;
  private readonly host: PoweredHost;
  private readonly files: Record<string, Uint8Array>;
  private readonly text = new Map<number, string>();
  private readonly stopped = new Set<number>();
  /** If a domain crashed, a report is made first, so it keeps its name for a moment after it has stopped. */
  private readonly destroyed = new Set<number>();
  /** The number of calls that each vCPU has said it has made, by "domid vcpu". */
  private readonly said = new Map<string, number>();
  private judged = -1;
  private heard = Date.now();
  private readonly breaks: string[] = [];
  /** Set for the replay of one round, which is not traced and has as much processor time, however busy the computer is. */
  private alone = false;
  private readonly result: FuzzResult = {
    calls: 0,
    rounds: 0,
    checks: 0,
    seconds: 0,
    tally: new Map(),
    forks: { pvh: 0, pv: 0, refused: 0, compared: 0 },
    huge: 0,
  };
  private readonly work: string;
  /** The number of calls that a copy's vCPU had made when it was made, by "domid vcpu". */
  private readonly inherited = new Map<string, number>();

  constructor({ pcpus = 2 } = {}) {
    const work = temporaryFolder("fuzz");
    this.work = work;
    const kernel = (folder: string): Buffer => readFileSync(madeKernel(path.join(import.meta.dirname, folder)));
    this.files = {
      "fuzz.elf": kernel("guest"),
      [PVH_KERNEL]: kernel("pvh"),
      "mini.elf": readFileSync(path.join(root, "assets/guests/mini.elf")),
    };
    // None of their messages is held back, because they say what they have done.
    const boot = {
      ...DEFAULT_BOOT_CONFIG,
      entries: [{ title: "All", cmdline: "dom0_mem=64M loglvl=all guest_loglvl=all" }],
    };
    this.host = new PoweredHost({
      memoryMiB: HOST_MIB,
      pcpus,
      boot,
      imageFolder: dist,
    });
  }

  /** Runs the round of `seed` on a host that has seen no other. */
  async replay(seed: number): Promise<FuzzResult> {
    this.alone = true;
    return this.run(seed, { calls: 0, seconds: 0, rounds: 1 });
  }

  /** Runs rounds from `seed` on and calls `told` after each. Fails with the seed and Xen's log. */
  async run(
    seed: number,
    { calls, seconds, rounds }: FuzzExtent,
    told: (result: FuzzResult) => void = () => {},
  ): Promise<FuzzResult> {
    const began = Date.now();
    let at = seed;
    try {
      await this.start();
      const enough = (): boolean => this.result.calls >= calls || Date.now() - began >= seconds * 1000;
      for (; !enough() || this.result.rounds < rounds; at++) {
        await this.round(at);
        this.result.seconds = (Date.now() - began) / 1000;
        told(this.result);
      }
      await this.othersWork();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const violations = await this.lastLook();
      // This is done only after a failure: the report must contain what Xen still prints, and nothing here can tell when Xen has printed everything.
      await wait(300);
      this.log += `violations at the end: ${violations}\n`;
      throw new Error(`seed ${at} (first ${seed}), ${this.result.calls} calls: ${reason}\n${this.log}`, {
        cause: error,
      });
    } finally {
      await this.host.powerOff();
    }
    this.result.seconds = (Date.now() - began) / 1000;
    if (process.env.XENARIUM_FUZZ_LOG) console.log(this.log);
    return this.result;
  }

  private async start(): Promise<void> {
    this.host.on("serial", ({ pieces }) =>
      this.hear(Buffer.concat(pieces.map(({ bytes }) => bytes)).toString("latin1")),
    );
    this.host.on("off", ({ reason }) => (this.gone = reason ?? "powered off"));
    await this.host.start();
    const { toolstack } = this.host;
    toolstack.on("console", ({ domid, bytes }) =>
      this.text.set(domid, ((this.text.get(domid) ?? "") + Buffer.from(bytes).toString("latin1")).slice(-4000)),
    );
    toolstack.on("stopped", ({ domid }) => this.stopped.add(domid));
    toolstack.on("destroyed", ({ domid }) => this.destroyed.add(domid));
    this.sibling = await this.create("sibling", "mini.elf", 32, 2, "");
    await toolstack.request("consoleAttach", { domid: this.sibling });
    await toolstack.request("unpause", { domid: this.sibling });
    await this.until("the sibling's prompt", () => /mini> $/.test(this.text.get(this.sibling) ?? ""), 60);
    this.judge = await this.create("judge", "fuzz.elf", 16, 1, "judge=1");
    await this.until("the judge's first word", () => this.judged >= 0, 60);
  }
  private sibling = 0;
  private judge = 0;

  private hear(bytes: string): void {
    const lines = (this.line + bytes).split("\n");
    this.line = lines.pop() ?? "";
    for (const each of lines) {
      const [, number, said] = /^\(d(\d+)\) FUZZ-(.*?)\r?$/.exec(each) ?? [];
      if (said?.startsWith("PROGRESS ")) {
        const [lane, count] = said.slice(9).split(" ").map(Number);
        this.said.set(`${number} ${lane}`, count!);
        this.heard = Date.now();
      } else if (said?.startsWith("JUDGED ")) this.judged = Number(said.slice(7));
      else if (said?.startsWith("OK ")) this.count(said.slice(3));
      else {
        if (said?.startsWith("BREAK ")) this.breaks.push(`d${number} ${said}`);
        this.log = (this.log + each + "\n").slice(-20_000);
      }
    }
  }

  private count(said: string): void {
    for (const [, name, ok, tried] of said.matchAll(/(P?\d+\.\d+)=(\d+)\/(\d+)/g)) {
      const entry = this.result.tally.get(name!) ?? { ok: 0, tried: 0 };
      this.result.tally.set(name!, { ok: entry.ok + Number(ok), tried: entry.tried + Number(tried) });
    }
  }

  private async create(name: string, kernel: string, memory: number, vcpus: number, extra: string): Promise<number> {
    const config =
      `name = "${name}"\n${kernel === PVH_KERNEL ? 'type = "pvh"\n' : ""}kernel = "${kernel}"\nmemory = ${memory}\nvcpus = ${vcpus}\nextra = "${extra}"\n` +
      `on_crash = "destroy"\non_reboot = "destroy"\non_poweroff = "destroy"\n`;
    return (
      await this.host.toolstack.request("create", {
        config,
        files: this.files,
        paused: name !== "judge",
      })
    ).domid;
  }

  private async until(what: string, condition: () => boolean, seconds: number): Promise<void> {
    const end = Date.now() + seconds * 1000;
    while (!condition()) {
      this.lives();
      if (Date.now() > end) throw new Error(`${what} did not come within ${seconds} s`);
      await wait(10);
    }
  }

  private lives(): void {
    if (this.gone) throw new Error(`the host is off: ${this.gone}`);
    if (this.breaks.length) throw new Error(`isolation is broken: ${this.breaks.join("; ")}`);
  }

  /** What the checker says after something has broken, for the log. */
  private async lastLook(): Promise<string> {
    try {
      return this.gone ? "none looked for" : String(await this.host.toolstack.request("checkInvariants"));
    } catch {
      return "not known";
    }
  }

  private async check(): Promise<void> {
    const violations = await this.host.toolstack.request("checkInvariants");
    this.result.checks++;
    this.lives();
    if (violations) throw new Error(`the checker found ${violations} violations`);
  }

  private async round(seed: number): Promise<void> {
    const { memory, vcpus, wild } = plan(seed);
    const { toolstack } = this.host;
    // Each is told the others' numbers before it runs.
    const domids: number[] = [];
    const first = this.lastDomid + 1;
    const numbers = [first, first + 1, first + 2];
    for (const [i, number] of numbers.entries()) {
      const [peer, other] = numbers.filter((each) => each !== number);
      const extra = `seed=${seed * 3 + i} peer=${peer} other=${other} wild=${wild[i]} vcpus=${vcpus[i]} count=120000`;
      domids.push(await this.create(`fuzz${i}`, i === 2 ? PVH_KERNEL : "fuzz.elf", memory[i]!, vcpus[i]!, extra));
      this.lastDomid = domids[i]!;
    }
    // A number was skipped because it is in use. The next round will have the right numbers.
    if (domids.some((domid, i) => domid !== numbers[i])) for (const domid of domids) await this.destroy(domid);
    else {
      const passed = stopwatch(Date.now);
      const used = stopwatch(ownMilliseconds);
      this.heard = Date.now();
      if (isLarge(seed) && (await this.hasHugeEntry(domids[2]!))) this.result.huge++;
      // Only one round is traced, because records cost more than the calls do.
      const watch = this.result.rounds === 0 && !this.alone ? new TraceWatch(this.host) : null;
      await watch?.begin(first);
      for (const domid of domids) {
        await toolstack.request("consoleAttach", { domid });
        await toolstack.request("unpause", { domid });
      }
      let checked = Date.now();
      const over = (): boolean => domids.every((domid) => this.stopped.has(domid));
      const idle = (): string[] => domids.flatMap((domid, i) => this.idle(domid, vcpus[i]!, wild[i]! > 0));
      const goesOn = (): boolean =>
        this.alone
          ? Math.min(used(), passed()) < LONGEST_MS && passed() < LONGEST_FIRST_CALLS_MS
          : Date.now() - this.heard < QUIET_MS && passed() < LONGEST_MS;
      const begins = (): boolean =>
        Math.min(used(), passed()) < FIRST_CALLS_MS && passed() < LONGEST_FIRST_CALLS_MS && idle().length > 0;
      let isOn = true;
      const forked = hasForks(seed) ? this.forks(domids, vcpus, wild, seed).run(() => isOn) : Promise.resolve();
      let failure: unknown;
      forked.catch((error: unknown) => (failure = error));
      while (!over() && (goesOn() || begins())) {
        await wait(10);
        this.lives();
        if (failure) throw failure;
        if (Date.now() - checked < CHECK_MS) continue;
        await this.check();
        checked = Date.now();
      }
      isOn = false;
      await forked;
      this.log += `round of seed ${seed}: ${domids.map((domid) => `d${domid} ${this.made(domid)} calls${this.stopped.has(domid) ? "" : ", runs"}`).join(", ")} in ${passed()} ms, ${Math.round(used())} ms of processor time\n`;
      const unheard = idle();
      for (const domid of domids) await this.destroy(domid);
      await watch?.end(this.made(first));
      if (unheard.length) throw new Error(`no calls were made by ${unheard.join(", ")}`);
      this.result.rounds++;
    }
    this.result.calls += [...this.said].reduce((sum, [key, count]) => sum + count - (this.inherited.get(key) ?? 0), 0);
    this.said.clear();
    this.inherited.clear();
    await this.check();
    const { palette } = await this.host.toolstack.request("frameMap");
    const left = palette.filter(({ kind }) => kind === "copy-on-write").reduce((sum, { frames }) => sum + frames, 0);
    if (left) throw new Error(`${left} frames are still shared, and nobody is left who shares them`);
  }

  /** The domain has not run, so its addresses are guest-physical. What other domains have in the host's memory may leave no whole GiB for it. */
  private async hasHugeEntry(domid: number): Promise<boolean> {
    const { rootSecond } = await this.host.toolstack.request("inspectWalk", {
      ...{ domid, vcpu: 0, tables: "kernel", address: 0x2000_0000n },
    });
    return rootSecond?.steps.at(-1)?.level === 3;
  }

  private forks(domids: readonly number[], vcpus: readonly number[], wild: readonly number[], seed: number): Forks {
    const round = {
      hasEnded: (domid: number) => this.stopped.has(domid),
      hasBegun: (domid: number) => this.idle(domid, vcpus[domids.indexOf(domid)] ?? 0, false).length === 0,
      destroy: (domid: number) => this.destroy(domid),
      copied: (from: number, to: number) => {
        this.lastDomid = Math.max(this.lastDomid, to);
        for (const [key, count] of this.said)
          if (key.startsWith(`${from} `)) this.inherited.set(`${to} ${key.slice(`${from} `.length)}`, count);
      },
      told: (line: string) => (this.log += `${line}\n`),
    };
    const originals = domids.map((domid, i) => ({
      ...{ domid, type: i === 2 ? ("pvh" as const) : ("pv" as const), isWild: wild[i]! > 0 },
    }));
    return new Forks(this.host, this.work, round, this.result.forks, originals, seed);
  }
  private lastDomid = 2;

  /**
   * Finds vCPUs that have not reported any calls yet, because a guest that does nothing finds no fault. A domain that its own wild calls have ended
   * is excused.
   */
  private idle(domid: number, vcpus: number, wild: boolean): string[] {
    if (wild && this.stopped.has(domid)) return [];
    const all = Array.from({ length: vcpus }, (_, vcpu) => vcpu);
    return all.filter((vcpu) => !this.said.get(`${domid} ${vcpu}`)).map((vcpu) => `vCPU ${vcpu} of d${domid}`);
  }

  private made(domid: number): number {
    return [...this.said].filter(([key]) => key.startsWith(`${domid} `)).reduce((sum, [, count]) => sum + count, 0);
  }

  /** It is no error if the domain ends by itself in the meantime. */
  private async destroy(domid: number): Promise<void> {
    if (!this.stopped.has(domid))
      try {
        await this.host.toolstack.request("destroy", { domid });
      } catch {
        this.log += `d${domid} could not be destroyed: it has to end by itself\n`;
      }
    await this.until(`the end of d${domid}`, () => this.destroyed.has(domid), 30);
    this.stopped.add(domid);
  }

  /** The ordinary guest answers, and the judge continues to judge. */
  private async othersWork(): Promise<void> {
    const before = this.judged;
    const seen = (this.text.get(this.sibling) ?? "").length;
    await this.host.toolstack.request("consoleInput", { domid: this.sibling, bytes: Buffer.from("uptime\r") });
    await this.until(
      "the sibling's answer",
      () => /up [\d.]+ s[\s\S]*mini> $/.test((this.text.get(this.sibling) ?? "").slice(seen)),
      60,
    );
    await this.until("the judge's next word", () => this.judged > before, 60);
    await this.check();
  }
}
