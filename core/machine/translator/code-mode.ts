/** The mode of a region's code, as far as its translation depends on it. */
import { MODE_64, MODE_CODE32, MODE_FLAT, MODE_STACK32 } from "../cpu/mode_bits.ts";

export class CodeMode {
  /** MODE_* of ../cpu/mode_bits.ts. */
  readonly bits: number;

  constructor(bits: number) {
    this.bits = bits;
  }

  get isLong(): boolean {
    return (this.bits & MODE_64) !== 0;
  }
  /** Whether CS and SS have base 0 and no limit, and near transfers are not cut to 16 bits: offsets need no look at their segments. */
  get isFlat(): boolean {
    return this.isLong || (this.bits & (MODE_FLAT | MODE_CODE32)) === (MODE_FLAT | MODE_CODE32);
  }
  /** The bytes of a near transfer's target, as far as translated code makes such transfers. */
  get word(): 8 | 4 | 2 {
    return this.isLong ? 8 : this.bits & MODE_CODE32 ? 4 : 2;
  }
  /** The bytes of the stack pointer. */
  get stackPointer(): 8 | 4 | 2 {
    return this.isLong ? 8 : this.bits & MODE_STACK32 ? 4 : 2;
  }
}
