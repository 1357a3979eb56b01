/** Machine code as text, made by iced-x86. */
import type { Decoder, Formatter, Instruction } from "iced-x86";

export interface Line {
  address: bigint;
  length: number;
  text: string;
  /** The target of a near branch, or of an operand relative to RIP. */
  target: bigint | null;
}

type Iced = typeof import("iced-x86");
/** The search for a place where reading can begin goes back no more than this many bytes. */
const MOST_BACK = 96;

export class Disassembler {
  readonly #iced: Iced;
  readonly #formatter: Formatter;

  /** The library is a WebAssembly module. It is loaded when code is looked at for the first time. */
  static async load(): Promise<Disassembler> {
    return new Disassembler(await import("iced-x86"));
  }

  private constructor(iced: Iced) {
    this.#iced = iced;
    this.#formatter = new iced.Formatter(iced.FormatterSyntax.Intel);
    this.#formatter.spaceAfterOperandSeparator = true;
    this.#formatter.hexPrefix = "0x";
    this.#formatter.hexSuffix = "";
    this.#formatter.uppercaseHex = false;
    this.#formatter.branchLeadingZeros = false;
  }

  /** Returns all of the bytes as lines, beginning at `address`. A byte that belongs to no instruction gets a line of its own. */
  lines(bytes: Uint8Array, address: bigint, bits: 64 | 32 | 16): Line[] {
    const decoder = this.#decoder(bytes, address, bits);
    const lines: Line[] = [];
    try {
      while (decoder.canDecode) {
        const at = address + BigInt(decoder.position);
        const instruction = decoder.decode();
        const invalid = instruction.code === this.#iced.Code.INVALID;
        // The end of the bytes cuts the instruction off.
        if (invalid && bytes.length - Number(at - address) < 15) {
          instruction.free();
          break;
        }
        lines.push({
          address: at,
          length: invalid ? 1 : instruction.length,
          text: invalid ? "(bad)" : this.#formatter.format(instruction),
          target: invalid ? null : this.#target(instruction),
        });
        instruction.free();
        if (!invalid) continue;
        decoder.position = Number(at - address) + 1;
        decoder.ip = at + 1n;
      }
    } finally {
      decoder.free();
    }
    return lines;
  }

  /**
   * Returns `before` lines that end where `rip` begins, that one, and `after` more. x86 code cannot be read backwards. So reading begins at `known`,
   * where an instruction is known to begin, or at a place from which reading reaches `rip`.
   */
  around(
    code: { start: bigint; bytes: Uint8Array },
    rip: bigint,
    bits: 64 | 32 | 16,
    known: bigint | null,
    { before, after }: { before: number; after: number },
  ): Line[] {
    const to = Number(rip - code.start);
    const earlier = (start: number): Line[] | null => {
      const lines = this.lines(code.bytes.subarray(start, to + 15), code.start + BigInt(start), bits);
      const n = lines.findIndex(({ address }) => address >= rip);
      const met = n >= 0 && lines[n]!.address === rip && lines.slice(0, n).every(({ text }) => text !== "(bad)");
      return met ? lines.slice(0, n) : null;
    };
    let lead: Line[] | null = null;
    if (known !== null && known >= code.start && known < rip) lead = earlier(Number(known - code.start));
    // The first bytes may be in the middle of an instruction, but soon the two ways of reading meet. So the place that is farthest back is the best
    // guess.
    for (let start = Math.max(0, to - MOST_BACK); lead === null && start < to; start++) lead = earlier(start);
    const rest = this.lines(code.bytes.subarray(to), rip, bits);
    return [...(lead ?? []).slice(-before), ...rest.slice(0, after + 1)];
  }

  #decoder(bytes: Uint8Array, address: bigint, bits: number): Decoder {
    const decoder = new this.#iced.Decoder(bits, bytes, this.#iced.DecoderOptions.None);
    decoder.ip = address;
    return decoder;
  }

  #target(instruction: Instruction): bigint | null {
    const { FlowControl } = this.#iced;
    const branches: number[] = [FlowControl.UnconditionalBranch, FlowControl.ConditionalBranch, FlowControl.Call];
    if (branches.includes(instruction.flowControl) && instruction.nearBranchTarget !== 0n)
      return instruction.nearBranchTarget;
    return instruction.isIpRelMemoryOperand ? instruction.ipRelMemoryAddress : null;
  }
}
