/** A decoded operation (../cpu/op.ts) as the translator looks at it. */
import * as H from "../cpu/handlers.ts";
import * as I from "../cpu/ids.ts";
import * as O from "../cpu/op.ts";
import { CPU_SEG, FS, SEG_SIZE } from "../cpu/state.ts";

/** What executes an operation if the translator does not; ../cpu has a file for each. */
export type Family =
  | "alu"
  | "data"
  | "stack"
  | "shift"
  | "bits"
  | "string"
  | "segment"
  | "control"
  | "system"
  | "x87"
  | "sse"
  | "avx"
  | "wait"
  | "invalid";

const GENERIC: Family[] = [
  "invalid",
  "invalid",
  "invalid",
  "alu",
  "data",
  "stack",
  "shift",
  "bits",
  "string",
  "segment",
  "control",
  "system",
  "x87",
  "sse",
  "wait",
];

function familyOf(handler: number): Family {
  if (handler < H.H_HOT) return GENERIC[handler]!;
  if (handler < H.H_MOV_RR32) return "alu";
  if (handler < H.H_INC_R32) return "data";
  if (handler < H.H_SHL_RI32) return "alu";
  if (handler < H.H_MOVZX8_RR32) return "shift";
  if (handler < H.H_IMUL_RR32) return "data";
  if (handler < H.H_MOV_RM8) return "alu";
  if (handler < H.H_CMP_RI8) return "data";
  if (handler < H.H_MOVSXD_RR) return "alu";
  if (handler < H.H_PUSH_R) return "data";
  if (handler < H.H_JMP) return "stack";
  if (handler < H.H_NOP) return "control";
  if (handler === H.H_LEAVE64) return "stack";
  if (handler >= H.H_AVX) return "avx";
  if (handler >= H.H_CMP_RI16) return "alu";
  return handler >= H.H_JCC ? "control" : "data";
}

function isDirectBranch(family: Family, id: number): boolean {
  return family === "control" && (id === I.ID_JMP_REL || id === I.ID_CALL_REL || id === I.ID_JCC);
}

export interface DecodedOp {
  /** Its two halves, for the operations that the interpreter executes. */
  raw: Uint8Array;
  rawCold: Uint8Array;
  family: Family;
  handler: number;
  id: number;
  /** Number of bytes of the instruction. */
  length: number;
  /** Operand size in bytes. */
  size: number;
  /** Address size in bytes. */
  addressSize: number;
  prefix: number;
  isMemory: boolean;
  isLocked: boolean;
  reg: number;
  rm: number;
  /** Byte offsets in the register file of the byte registers. */
  reg8: number;
  rm8: number;
  /** Base register; 16 none, 17 and 18 RIP-relative. */
  base: number;
  index: number;
  scale: number;
  /** The segment of the memory operand, and the offset in the vCPU's state of its base if that is to be added; 0 = none. */
  segment: number;
  segmentSlot: number;
  /** The segment has no limit that the operand could exceed, and all rights. */
  isUnlimited: boolean;
  disp: number;
  /** Offset from the beginning of the region's first page to the instruction's page, and to the instruction. */
  page: number;
  offset: number;
  /** For a direct branch: the offset of its target, counted in the same way. */
  imm: bigint;
  /** VEX.vvvv. */
  vreg: number;
  form: number;
  /** REX.W. */
  isWide: boolean;
  /** Of an AVX instruction: whether it has 256 bits, and VEX.W as encoded. */
  is256: boolean;
  isVexW: boolean;
  condition: number;
  map: number;
  opcode: number;
}

/** `page`: see DecodedOp. */
export function readOp(view: DataView, at: number, page: number): DecodedOp {
  const prefix = view.getUint8(at + O.OP_PREFIX);
  const handler = view.getUint16(at + O.OP_HANDLER, true);
  const family = familyOf(handler);
  const id = view.getUint16(at + O.OP_ID, true);
  const segment = view.getUint8(at + O.OP_SEG);
  const isUnlimited = (view.getUint8(at + O.OP_FLAGS) & O.OPF_SIMPLE) !== 0;
  return {
    raw: new Uint8Array(view.buffer, at, O.OP_SIZE).slice(),
    rawCold: new Uint8Array(view.buffer, at + O.OP_COLD, O.OP_COLD_BYTES).slice(),
    family,
    handler,
    id,
    length: view.getUint8(at + O.OP_LENGTH),
    size: view.getUint8(at + O.OP_OPSIZE),
    addressSize: view.getUint8(at + O.OP_ADDRSIZE),
    prefix,
    isMemory: (prefix & O.PREFIX_MEMORY) !== 0,
    isLocked: (prefix & O.PREFIX_LOCK) !== 0,
    reg: view.getUint8(at + O.OP_REG),
    rm: view.getUint8(at + O.OP_RM),
    reg8: view.getUint8(at + O.OP_REG8),
    rm8: view.getUint8(at + O.OP_RM8),
    base: view.getUint8(at + O.OP_BASE),
    index: view.getUint8(at + O.OP_INDEX),
    scale: view.getUint8(at + O.OP_SCALE),
    segment,
    segmentSlot: segment >= FS || !isUnlimited ? CPU_SEG + segment * SEG_SIZE : 0,
    isUnlimited,
    disp: view.getInt32(at + O.OP_DISP, true),
    page,
    offset: page + view.getUint16(at + O.OP_OFFSET, true),
    imm: view.getBigInt64(at + O.OP_IMM, true) + (isDirectBranch(family, id) ? BigInt(page) : 0n),
    vreg: view.getUint8(at + O.OP_VREG),
    form: view.getUint8(at + O.OP_FORM),
    isWide: (prefix & O.PREFIX_REXW) !== 0,
    is256: family === "avx" && (view.getUint8(at + O.OP_VEX) & O.VEX_L) !== 0,
    isVexW: family === "avx" && (view.getUint8(at + O.OP_VEX) & O.VEX_W) !== 0,
    condition: view.getUint8(at + O.OP_CONDITION),
    map: view.getUint8(at + O.OP_MAP),
    opcode: view.getUint8(at + O.OP_OPCODE),
  };
}
