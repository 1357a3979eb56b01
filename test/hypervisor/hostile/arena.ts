/**
 * A host under attack. Beside hostile guests (guest/) it has a sibling that is asked all the time and a domain full of canaries. It checks what
 * isolation promises: the others go on, nothing of theirs changes, the host's accounts are right, and the attacker can be removed.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { getPriority } from "node:os";
import path from "node:path";
import { expect } from "vitest";
import { DEFAULT_BOOT_CONFIG } from "../../../core/toolstack/boot-config.ts";
import type { ToolstackClient } from "../../../core/toolstack/client.ts";
import { PoweredHost } from "../../../core/toolstack/power.ts";
import { dist } from "../../dist.ts";
import { PROCESS_FIGURES, threadTimes } from "../../process.ts";
import { madeKernel } from "../made-kernel.ts";
import { pvhKernel } from "../pvh/pvh.ts";

const root = path.resolve(import.meta.dirname, "../../..");

/** False if the attacking guest cannot be built here; an error in CI, where it must be. */
export const compiler = (() => {
  try {
    execFileSync("gcc", ["--version"]);
    return true;
  } catch {
    if (process.env.CI) throw new Error("the hostile guest needs gcc and make");
    return false;
  }
})();

let built: Buffer | null = null;
function attackGuest(): Buffer {
  return (built ??= readFileSync(madeKernel(path.join(import.meta.dirname, "guest"))));
}

/**
 * The most that the sibling's answer and the attacker's destruction may take. On Linux this is the processor time of the thread of this process that
 * used most of it, or the time in which no thread was ready to run without a core, whichever is more (`stopwatch`). A busy computer therefore makes
 * no difference, while a pCPU that does not leave a hypercall does. Threads that run after the pCPUs (V8's compilers and the translator) do not
 * count, because nobody waits for them. Elsewhere it is measured by the clock, with room for a busy computer.
 */
const SLOW_MS = PROCESS_FIGURES ? 50 : 1000;
/** One slow answer in each watch may be caused by this process itself, which compiles code and collects garbage. */
const SLOW_ANSWERS = 1;
const SLOWEST_ONCE_MS = PROCESS_FIGURES ? 200 : 2000;
const DESTROY_MS = 1000;

/** Measures milliseconds from now on, as described above. */
function stopwatch(): () => number {
  const began = performance.now();
  const before = PROCESS_FIGURES ? threadTimes(process.pid) : null;
  return () => {
    const took = performance.now() - began;
    if (!before) return took;
    let waited = 0;
    let most = 0;
    for (const [thread, now] of threadTimes(process.pid)) {
      waited += now.waited - (before.get(thread)?.waited ?? 0);
      if (!runsAfterPcpus(thread)) most = Math.max(most, now.ran - (before.get(thread)?.ran ?? 0));
    }
    return Math.max(most / 1e6, took - waited / 1e6);
  };
}

/** A thread that has ended in the meantime is none of them. */
function runsAfterPcpus(thread: string): boolean {
  try {
    return getPriority(Number(thread)) > getPriority(process.pid);
  } catch {
    return false;
  }
}

export interface ArenaOptions {
  pcpus?: number;
  memoryMiB?: number;
}
export interface AttackOptions {
  vcpus?: number;
  memoryMiB?: number;
  /** What the attack is told besides its name, such as "rounds=100". */
  options?: string;
}
/** What a guest is made from. The kernel of test/hypervisor/pvh/guest makes no attacks here other than endless calls. */
type GuestKind = "mini" | "attack" | "pvh";
/** The end of a call that is as long as it can be: either it still runs when its domain is destroyed, or it returns this each time. */
export type CallEnd = "runs" | number;

export class Arena {
  readonly host: PoweredHost;
  readonly #text = new Map<number, string>();
  readonly #stopped = new Map<number, string>();
  readonly #files = {
    "attack.elf": attackGuest(),
    "mini.elf": readFileSync(path.join(root, "assets/guests/mini.elf")),
    "pvh.elf": pvhKernel(),
  };
  /** Called when a guest has said something. */
  #onText = (): void => {};
  #log = "";
  #line = "";
  #gone: string | null = null;
  #sibling = 0;
  #canary = 0;
  #domains = 0;
  /** The MiB that are free with only the sibling and the canaries there. */
  #free = 0;

  private constructor(host: PoweredHost) {
    this.host = host;
    host.on("serial", ({ pieces }) => {
      this.#hear(Buffer.concat(pieces.map(({ bytes }) => bytes)).toString("latin1"));
    });
    host.on("off", ({ reason, state }) => (this.#gone = reason ?? `off: ${state}`));
  }

  static async open({ pcpus = 2, memoryMiB = 512 }: ArenaOptions = {}): Promise<Arena> {
    const boot = {
      ...DEFAULT_BOOT_CONFIG,
      entries: [{ title: "All", cmdline: "dom0_mem=64M loglvl=all guest_loglvl=all" }],
    };
    const arena = new Arena(new PoweredHost({ memoryMiB, pcpus, boot, imageFolder: dist }));
    await arena.host.start();
    arena.toolstack.on("console", ({ domid, bytes }) => {
      arena.#text.set(domid, arena.text(domid) + Buffer.from(bytes).toString("latin1"));
      arena.#onText();
    });
    arena.toolstack.on("stopped", ({ domid, reason }) => arena.#stopped.set(domid, reason));
    arena.#sibling = await arena.create("mini", { memoryMiB: 32 });
    arena.#canary = await arena.create("attack", { memoryMiB: 16, options: "attack=canary" });
    await arena.until("the sibling's prompt", () => arena.text(arena.#sibling).endsWith("mini> "));
    await arena.until("the canaries", () => arena.text(arena.#canary).includes("CANARY set"));
    arena.#free = await arena.#freeMiB();
    return arena;
  }

  /** Hears Xen's log, where a guest without a console of its own says what it does. */
  #hear(text: string): void {
    this.#log = (this.#log + text).slice(-20_000);
    // The text is handled as a whole, because a flood has a million lines a second, and the sibling's answer comes after it.
    const whole = this.#line + text;
    const end = whole.lastIndexOf("\n") + 1;
    this.#line = whole.slice(end);
    for (const [, domid, said] of whole.slice(0, end).matchAll(/^\(d(\d+)\) ((?:BEGIN|END)[^\r\n]*)/gm))
      this.#text.set(Number(domid), `${this.text(Number(domid))}${said}\n`);
  }

  get toolstack(): ToolstackClient {
    return this.host.toolstack;
  }
  text(domid: number): string {
    return this.#text.get(domid) ?? "";
  }
  stopped(domid: number): boolean {
    return this.#stopped.has(domid);
  }

  async create(guest: GuestKind, { vcpus = 1, memoryMiB = 32, options = "" }: AttackOptions): Promise<number> {
    const name = `${guest}${this.#domains++}`;
    const config =
      `name = "${name}"\n${guest === "pvh" ? 'type = "pvh"\n' : ""}kernel = "${guest}.elf"\nmemory = ${memoryMiB}\nvcpus = ${vcpus}\n` +
      `extra = "${options}"\nmax_event_channels = 131071\n` +
      `on_crash = "destroy"\non_reboot = "destroy"\non_poweroff = "destroy"\n`;
    const { domid } = await this.toolstack.request("create", { config, files: this.#files, paused: true });
    if (guest !== "pvh") await this.toolstack.request("consoleAttach", { domid });
    await this.toolstack.request("unpause", { domid });
    return domid;
  }

  /** Starts an attack and returns its domid. `ended` waits for `END` with what it says then, or for its end. */
  async attack(name: string, options: AttackOptions = {}): Promise<number> {
    return this.create("attack", { memoryMiB: 64, ...options, options: `attack=${name} ${options.options ?? ""}` });
  }

  /** Returns what the attacker said last: its line from END on, or "" if it ended without one. */
  async ended(domid: number, seconds = 60): Promise<string> {
    const line = (): string | undefined => /END ([^\r\n]*)[\r\n]/.exec(this.text(domid))?.[1];
    await this.until(`the end of attack ${domid}`, () => line() !== undefined || this.stopped(domid), seconds);
    return line() ?? "";
  }

  /** Fails at once if the host went down. */
  async until(what: string, condition: () => boolean, seconds = 30): Promise<void> {
    for (const end = Date.now() + seconds * 1000; !condition();) {
      if (this.#gone) throw new Error(`the host is ${this.#gone}\n${this.#log}`);
      if (Date.now() > end) {
        const said = [...this.#text]
          .map(([domid, text]) => `d${domid}: ${JSON.stringify(text.slice(-300))}`)
          .join("\n");
        throw new Error(`${what} did not come within ${seconds} s\n${said}\n${this.#log.slice(-3000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Asks the sibling something and waits for the answer. Returns the milliseconds that took. */
  async ask(): Promise<number> {
    const before = this.text(this.#sibling).length;
    const answered = (): boolean => /up [\d.]+ s[^>]*mini> $/.test(this.text(this.#sibling).slice(before));
    const took = stopwatch();
    let ms: number | null = null;
    // It resolves at once, without polling, because a thread that polls every few milliseconds has delays of its own.
    const heard = new Promise<void>((resolve) => {
      this.#onText = () => {
        if (!answered()) return;
        ms = took();
        resolve();
      };
    });
    await this.toolstack.request("consoleInput", { domid: this.#sibling, bytes: Buffer.from("uptime\r") });
    await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, 20_000).unref())]);
    this.#onText = () => {};
    // If something is wrong, this reports it.
    await this.until("the sibling's answer", answered, 1);
    return ms!;
  }

  /** Asks the sibling again and again while `goes` returns true, and at least twice. It must answer in time, whatever others do. */
  async #answers(goes: () => boolean): Promise<void> {
    const took: number[] = [];
    do took.push(await this.ask());
    while (goes() || took.length < 2);
    expect(
      took.filter((ms) => ms >= SLOW_MS).length,
      `slow answers of the sibling, ms: ${took.map(Math.round).join(" ")}`,
    ).toBeLessThanOrEqual(SLOW_ANSWERS);
    expect(Math.max(...took), "slowest answer of the sibling, ms").toBeLessThan(SLOWEST_ONCE_MS);
  }

  /** The sibling must answer for `milliseconds`, or until the attack has printed its END or has stopped. */
  async watch(domid: number, milliseconds: number): Promise<void> {
    const end = Date.now() + milliseconds;
    await this.#answers(() => Date.now() < end && !this.stopped(domid) && !/END [^\r\n]*[\r\n]/.test(this.text(domid)));
  }

  /** An attacker is in the middle of a call that takes for ever. The sibling must answer in the meantime, and the attacker can be destroyed. */
  async endure(domid: number, milliseconds: number, callEnd: CallEnd): Promise<void> {
    try {
      await this.#endures(domid, milliseconds, callEnd);
    } catch (error) {
      // The other attacks must not be judged with this one beside them.
      await this.destroy(domid);
      throw error;
    }
    expect(await this.destroy(domid), "milliseconds to destroy it").toBeLessThan(DESTROY_MS);
  }

  async #endures(domid: number, milliseconds: number, callEnd: CallEnd): Promise<void> {
    await this.until("the beginning of the attack", () => this.text(domid).includes("BEGIN"));
    await this.watch(domid, milliseconds);
    const ends = (): string[] => [...this.text(domid).matchAll(/END(?:ED)? [^\r\n]*/g)].map(([said]) => said);
    if (callEnd !== "runs") await this.until("the end of the call", () => ends().length > 0 || this.stopped(domid));
    expect({ stopped: this.stopped(domid), ends: ends() }).toEqual({
      stopped: false,
      ends: callEnd === "runs" ? [] : [`ENDED ${callEnd}`],
    });
  }

  /** Returns the milliseconds until the domain is destroyed. It may also end by itself in the meantime. */
  async destroy(domid: number): Promise<number> {
    const took = stopwatch();
    try {
      await this.toolstack.request("destroy", { domid });
    } catch (error) {
      if (!this.stopped(domid)) throw error;
    }
    return took();
  }

  async #freeMiB(): Promise<number> {
    return (await this.toolstack.request("hostInfo")).freeMemoryMiB;
  }

  /**
   * All attackers are gone. Nothing of the others may have changed, the accounts must be right, another guest can be made, and the memory must be
   * back.
   */
  async judge(): Promise<void> {
    expect(this.#gone, this.#log.slice(-3000)).toBeNull();
    await this.#answers(() => false);
    expect(this.text(this.#sibling)).not.toContain("PWN");
    const looked = this.text(this.#canary).length;
    await this.until(
      "two looks at the canaries",
      () => this.text(this.#canary).slice(looked).split("intact").length > 2,
    );
    expect(this.text(this.#canary)).not.toContain("changed");
    const violations = await this.toolstack.request("checkInvariants");
    expect(violations, this.#log.slice(-1000)).toBe(0);
    const next = await this.create("mini", { memoryMiB: 32 });
    await this.until("the next guest's prompt", () => this.text(next).endsWith("mini> "));
    await this.destroy(next);
    // The structures of a dead domain are kept for some time.
    let free = 0;
    for (let tries = 0; tries < 80 && (free = await this.#freeMiB()) < this.#free; tries++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(free, "MiB free").toBe(this.#free);
  }

  async close(): Promise<void> {
    await this.host.powerOff();
  }
}
