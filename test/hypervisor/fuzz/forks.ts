/**
 * Forks of a round's hostile domains while they run: copies that run, that stand still and are judged by what they have, that are forked again, paused and
 * destroyed, beside the original and after it.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { PoweredHost } from "../../../core/toolstack/power.ts";

/** Copies of PV domains, and of PVH ones, that there are at the same time at most. */
const MOST = 3;
/** What a fork is told of a domain that has ended by itself. */
const ENDED = /stopped instead of suspending|ended before|has stopped/;
const LATE = /did not answer the request to suspend/;
/** What a refused copy of a PV domain is told. */
const REFUSED = /can't be (copied|restored)/;
/** The longest time for which a domain is paused. */
const PAUSED_MS = 60;

/** What the round that they belong to knows and does. */
export interface ForksRound {
  /** Whether the domain has ended by itself, or was destroyed. */
  hasEnded(domid: number): boolean;
  /** Whether all its vCPUs have made calls. */
  hasBegun(domid: number): boolean;
  destroy(domid: number): Promise<void>;
  copied(from: number, to: number): void;
  told(line: string): void;
}

export interface ForksTally {
  /** Copies that were made of PVH domains, and of PV domains. */
  pvh: number;
  pv: number;
  /** Forks that were refused, or that a domain did not live to see. */
  refused: number;
  /** How often what a copy has that stands still was compared with what it had. */
  compared: number;
}

interface Member {
  domid: number;
  type: "pv" | "pvh";
  /** A domain that makes wild calls may not answer, and may end at any moment. */
  isWild: boolean;
  isOriginal: boolean;
  /** Of a copy that stands still: what it had when it was made. */
  dump: Buffer | null;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Forks {
  readonly #host: PoweredHost;
  readonly #folder: string;
  readonly #round: ForksRound;
  readonly #below: (n: number) => number;
  readonly #tally: ForksTally;
  #members: Member[];

  constructor(
    host: PoweredHost,
    folder: string,
    round: ForksRound,
    tally: ForksTally,
    originals: readonly Omit<Member, "isOriginal" | "dump">[],
    seed: number,
  ) {
    this.#host = host;
    this.#folder = folder;
    this.#round = round;
    this.#tally = tally;
    this.#members = originals.map((each) => ({ ...each, isOriginal: true, dump: null }));
    let state = (seed * 2654435761) >>> 0 || 1;
    this.#below = (n) => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % n;
    };
  }

  /** Does one thing after the other while `goesOn`, and then ends all copies. */
  async run(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      await wait(this.#below(80));
      await this.#step();
    }
    for (const member of this.#copies()) {
      await this.#compare(member);
      await this.#end(member);
    }
  }

  #copies(): Member[] {
    return this.#members.filter(({ isOriginal }) => !isOriginal);
  }

  #some(of: readonly Member[]): Member | undefined {
    return of[this.#below(Math.max(of.length, 1))];
  }

  async #step(): Promise<void> {
    this.#members = this.#members.filter(({ domid }) => !this.#round.hasEnded(domid));
    const copies = this.#copies();
    const running = this.#members.filter(({ dump }) => !dump);
    const still = copies.filter(({ dump }) => dump);
    const what = this.#below(16);
    if (what < 8) {
      const type = this.#below(2) ? "pvh" : "pv";
      const begun = running.filter(({ domid, isOriginal }) => !isOriginal || this.#round.hasBegun(domid));
      const from = this.#some(begun.filter((member) => member.type === type));
      if (from && copies.filter((copy) => copy.type === type).length < MOST) await this.#fork(from);
    } else if (what < 10) {
      const copy = this.#some(copies);
      if (copy) await this.#end(copy);
    } else if (what < 13) {
      const copy = this.#some(still);
      if (copy) await this.#compare(copy);
      // It goes on, from the moment of the fork.
      if (copy && this.#below(2)) {
        copy.dump = null;
        await this.#request(copy, "unpause");
      }
    } else if (what < 15) {
      const member = this.#some(running);
      if (!member) return;
      await this.#request(member, "pause");
      await wait(this.#below(PAUSED_MS));
      await this.#request(member, "unpause");
    } else if (copies.length > 2) {
      // An original ends before its copies do.
      const original = this.#some(this.#members.filter(({ isOriginal }) => isOriginal));
      if (original && this.#round.hasBegun(original.domid)) await this.#end(original);
    }
  }

  async #request(member: Member, name: "pause" | "unpause"): Promise<void> {
    await this.#unlessEnded(member, () => this.#host.toolstack.request(name, { domid: member.domid }));
  }

  /** Returns null where the domain has ended meanwhile. */
  async #unlessEnded<T>(member: Member, act: () => Promise<T>): Promise<T | null> {
    try {
      return await act();
    } catch (error) {
      // It may have been told before this is.
      for (let waits = 0; ENDED.test(String(error)) && !this.#round.hasEnded(member.domid) && waits < 500; waits++)
        await wait(10);
      const isExcused = member.isWild || this.#round.hasEnded(member.domid);
      // A PV guest may have, at that moment, what can't be copied; and on a busy computer a guest may answer late, and goes on then.
      const said = error instanceof Error ? error.message : String(error);
      const isRefused = (member.type === "pv" && REFUSED.test(said)) || LATE.test(said);
      if (!isExcused && !isRefused) throw error;
      this.#round.told(`d${member.domid}: ${said}`);
      return null;
    }
  }

  async #end(member: Member): Promise<void> {
    this.#members = this.#members.filter((each) => each !== member);
    await this.#round.destroy(member.domid);
  }

  async #dump({ domid }: Member): Promise<Buffer> {
    const file = path.join(this.#folder, `dump-${domid}`);
    await this.#host.toolstack.request("dumpCore", { domid, file });
    const bytes = readFileSync(file);
    rmSync(file);
    return bytes;
  }

  /** A copy that stands still has what it had, whatever the original and the other copies have written since. */
  async #compare(member: Member): Promise<void> {
    if (!member.dump) return;
    const now = await this.#dump(member);
    this.#tally.compared++;
    if (now.equals(member.dump)) return;
    const at = now.findIndex((byte, i) => byte !== member.dump![i]);
    throw new Error(
      `copy ${member.domid} has changed while it stood still: at ${at} of the dump it is ${now[at]}, and was ${member.dump[at]}`,
    );
  }

  async #fork(from: Member): Promise<void> {
    const { toolstack } = this.#host;
    const { domid } = from;
    const held = randomUUID();
    const count = 1 + this.#below(2);
    const made = await this.#unlessEnded(from, async () => {
      const { config } = await toolstack.request("definition", { domid });
      const asked = toolstack.request("checkpoint", {
        ...{ domid, memory: "held", held, copies: count, file: null, disks: [] },
        record: { file: path.join(this.#folder, "record"), text: "" },
      });
      // Whoever has asked already is told; otherwise nobody would hear of it.
      asked.catch(() => {});
      await toolstack.request("consoleInput", { domid, bytes: Buffer.from("s") });
      const { problem } = await asked;
      if (problem) {
        this.#round.told(`d${domid} was not forked: ${JSON.stringify(problem)}`);
        return null;
      }
      const domids: number[] = [];
      try {
        // Now and then nothing is made of the last one.
        for (let i = 0; i < count - (this.#below(6) ? 0 : 1); i++) {
          const as = { config, name: `copy-${randomUUID()}`, uuid: randomUUID() };
          domids.push((await toolstack.request("heldContinue", { held, as })).domid);
        }
      } finally {
        await toolstack.request("heldForget", { held });
      }
      return domids;
    });
    if (!made) {
      this.#tally.refused++;
      return;
    }
    for (const copy of made) await this.#begin(from, copy);
    for (const copy of made) await this.#tellPeer(from, copy);
    const [first, second] = made;
    if (first !== undefined && second !== undefined) await this.#tellPeer({ ...from, domid: first }, second);
  }

  async #begin(from: Member, domid: number): Promise<void> {
    this.#tally[from.type]++;
    this.#round.copied(from.domid, domid);
    const copy: Member = { ...from, domid, isOriginal: false, dump: null };
    this.#members.push(copy);
    await this.#host.toolstack.request("consoleAttach", { domid });
    // Where a PV guest's memory is, it says itself (its P2M), and a copy has not yet said it before it runs.
    if (from.type === "pvh" && this.#below(2)) copy.dump = await this.#dump(copy);
    else await this.#request(copy, "unpause");
  }

  /** Tells a domain that another one is its peer from now on. */
  async #tellPeer(member: Member, peer: number): Promise<void> {
    const bytes = Buffer.from(`${peer}p`);
    await this.#unlessEnded(member, () => this.#host.toolstack.request("consoleInput", { domid: member.domid, bytes }));
  }
}
