/**
 * The x87 unit's place in the engine. Its arithmetic is not built yet: every instruction but the control ones is #UD until
 * it is, so a guest is told the truth. What MMX and FXSAVE share with it works.
 */
import { VECTOR_MF, VECTOR_UD, cpu, raise } from "../machine";
import { OP_ID, OP_MODRM, OP_OPCODE } from "../op";
import { CPU_FSW, CPU_FTW } from "../state";
import { fldcw, fnclex, fninit, fnstcw, fnstsw, fnstswAx } from "./control";

const FLDCW: u32 = 1;
const FNSTCW: u32 = 2;
const FNCLEX: u32 = 3;
const FNINIT: u32 = 4;
const FNSTSW: u32 = 5;
const FNSTSW_AX: u32 = 6;

/** The instruction's id; 0 = #UD. */
export function x87Identify(op: usize): u32 {
  const opcode = <u32>load<u8>(op, OP_OPCODE);
  const modrm = <u32>load<u8>(op, OP_MODRM);
  if (modrm >= 0xc0) {
    if (opcode == 0xdb && modrm == 0xe2) return FNCLEX;
    if (opcode == 0xdb && modrm == 0xe3) return FNINIT;
    return opcode == 0xdf && modrm == 0xe0 ? FNSTSW_AX : 0;
  }
  const reg = (modrm >> 3) & 7;
  if (opcode == 0xd9 && reg == 5) return FLDCW;
  if (opcode == 0xd9 && reg == 7) return FNSTCW;
  return opcode == 0xdd && reg == 7 ? FNSTSW : 0;
}
export function x87Execute(op: usize): void {
  switch (<u32>load<u16>(op, OP_ID)) {
    case FLDCW:
      fldcw(op);
      break;
    case FNSTCW:
      fnstcw(op);
      break;
    case FNCLEX:
      fnclex();
      break;
    case FNINIT:
      fninit();
      break;
    case FNSTSW:
      fnstsw(op);
      break;
    case FNSTSW_AX:
      fnstswAx();
      break;
    default:
      raise(VECTOR_UD);
  }
}
/** FWAIT: raises what is pending. */
export function x87Wait(): void {
  x87CheckPending();
}
/** An MMX instruction: TOP = 0, all registers valid. */
export function x87EnterMmx(): void {
  store<u16>(cpu, load<u16>(cpu, CPU_FSW) & ~0x3800, CPU_FSW);
  store<u8>(cpu, 0xff, CPU_FTW);
}
/** Raises #MF when an unmasked exception is pending (FSW.ES). */
export function x87CheckPending(): void {
  if (load<u16>(cpu, CPU_FSW) & 0x80) raise(VECTOR_MF);
}
