/**
 * What a path (../cpu/path.ts) tells: how often each block was executed, and where code went on that does not say itself where that is, after returns, jumps
 * through registers and memory, and code that is not part of the path.
 */
import type { CodeMode } from "./code-mode.ts";
import { kindOf, type Decode } from "./region.ts";

/** Instructions from a place on, up to and with the first that transfers control. */
interface Run {
  offsets: number[];
  /** Behind the last instruction. */
  end: number;
  /** Where control goes by the instruction's own word. */
  next: number[];
  /** Where the interpreter's block goes on, after an instruction that only it executes; otherwise null. */
  resumes: number | null;
}
const LONGEST_RUN = 240;
const MOST_RESUMED = 32;
/** A path has ten thousands of instructions, most of them again and again. What comes after so many different ones is not looked at. */
const MOST_INSTRUCTIONS = 16384;

export class Path {
  readonly mode: CodeMode;
  /** The number of blocks, of which some do not begin a run. */
  readonly length: number;
  /** How often a place was executed at which a run begins: the interpreter's blocks end earlier, for instance at the end of a page. */
  readonly executed = new Map<number, number>();
  /** How often control came to a place without a branch, call or jump that names it. */
  readonly arrivals = new Map<number, number>();
  readonly #decode: Decode;
  readonly #runs = new Map<number, Run>();
  #runsExecuted = 0;
  #instructions = 0;

  /** `blocks` are offsets from the page in which the requested region begins. */
  constructor(blocks: Int32Array, mode: CodeMode, decode: Decode) {
    this.mode = mode;
    this.length = blocks.length;
    this.#decode = decode;
    let before: Run | null = null;
    for (const offset of blocks) {
      const isNamed = before?.next.includes(offset) === true;
      if (!isNamed && before?.offsets.includes(offset, 1)) continue;
      this.#executed(offset, isNamed);
      before = this.run(offset);
      // Each of these has an instruction of the block.
      for (let n = 0; before.resumes !== null && n < MOST_RESUMED; n++) {
        this.#executed(before.resumes, false);
        before = this.run(before.resumes);
      }
    }
  }
  #executed(offset: number, isNamed: boolean): void {
    const add = (to: Map<number, number>) => to.set(offset, (to.get(offset) ?? 0) + 1);
    this.#runsExecuted++;
    add(this.executed);
    if (!isNamed) add(this.arrivals);
  }

  /** Returns the run that begins at a place. */
  run(from: number): Run {
    let run = this.#runs.get(from);
    if (!run) this.#runs.set(from, (run = this.#find(from)));
    return run;
  }
  #find(from: number): Run {
    const offsets: number[] = [];
    let at = from;
    while (offsets.length < LONGEST_RUN && this.#instructions++ < MOST_INSTRUCTIONS) {
      const op = this.#decode(at);
      if (!op) break;
      const after = at + op.length;
      const to = Number(op.imm);
      const kind = kindOf(op, this.mode);
      if (kind !== "interpret") offsets.push(at);
      if (kind === "condition") return { offsets, end: after, next: [after, to], resumes: null };
      if (kind) {
        const next = kind === "jump" || kind === "call" ? [to] : [];
        const goesOn = kind === "interpret" && (op.family === "sse" || op.family === "avx");
        return { offsets, end: after, next, resumes: goesOn ? after : null };
      }
      at = after;
    }
    return { offsets, end: at, next: [], resumes: null };
  }

  /** Returns the share of what was executed that lies in runs from these places on. */
  share(leaders: Iterable<number>): number {
    let sum = 0;
    for (const leader of leaders) sum += this.executed.get(leader) ?? 0;
    return this.#runsExecuted ? sum / this.#runsExecuted : 0;
  }
}
