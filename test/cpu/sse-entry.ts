/** The SSE unit alone: decodes one instruction (prefixes, REX, the three 0F maps, ModRM with a register or [base]) and executes it. */
import {
  OPF_SIMPLE,
  OP_ADDRESS_MASK,
  OP_ADDRSIZE,
  OP_BASE,
  OP_BASE_SLOT,
  OP_COLD,
  OP_COLD_BYTES,
  OP_FLAGS,
  OP_ID,
  OP_IMM,
  OP_INDEX_SLOT,
  OP_LENGTH,
  OP_MAP,
  OP_MODRM,
  OP_OPCODE,
  OP_OPSIZE,
  OP_PREFIX,
  OP_REG,
  OP_RM,
  OP_RM8,
  OP_SEG,
  OP_SEG_SLOT,
  OP_SIZE,
  PREFIX_66,
  PREFIX_MEMORY,
  PREFIX_REP,
  PREFIX_REPNE,
  PREFIX_REX,
  PREFIX_REXW,
} from "../../core/machine/cpu/op";
import {
  CPU_EXIT_ADDRESS,
  CPU_EXIT_ERROR,
  CPU_GPR,
  CPU_RIP,
  CPU_SEG,
  CPU_SIZE,
  DS,
  SEG_BASE,
  SEG_SIZE,
} from "../../core/machine/cpu/state";
import { VECTOR_UD, clearFault, fault, faultAddress, faultError, raise, setCpu } from "../../core/machine/cpu/machine";
import { setFrameTables } from "../../core/machine/cpu/frames/tables";
import { getRflags, setRflags } from "../../core/machine/cpu/flags";
import { walkInit } from "../../core/machine/cpu/paging/walk";
import { TLB_BYTES, tlbFlushAll, tlbInit, tlbSelect } from "../../core/machine/cpu/tlb";
import { accessNeedsInspection, read8, reg8Offset } from "../../core/machine/cpu/access";
import { sseExecute, sseIdentify } from "../../core/machine/cpu/sse/sse";

const FRAMES: u32 = 16384;
let state: usize = 0;
let op: usize = 0;
/** A state slot that always holds zero, for an absent index register. */
let zeroSlot: usize = 0;

/** `region` has 1.25 MiB for the vCPU state (at its start), the op and the TLB. */
export function unit_init(region: usize): void {
  state = region;
  op = region + 0x2a000;
  zeroSlot = CPU_SIZE + 64;
  setCpu(state);
  walkInit((<u64>FRAMES) << 12);
  setFrameTables(region + 0x10000, region + 0x20000, FRAMES);
  tlbInit(region + 0x70000);
}
export function unit_set_rflags(value: u32): void {
  setRflags(<u64>value);
}
export function unit_get_rflags(): u32 {
  return <u32>getRflags();
}

function hasImmediate(map: u32, opcode: u32): bool {
  if (map == 3) return true;
  return map == 1 && (opcode - 0x70 <= 3 || opcode == 0xc2 || opcode - 0xc4 <= 2);
}

/** Fills the op at `op`. Returns the length of the instruction. */
function decode(start: u64): u32 {
  let at = start;
  let prefix: u32 = 0;
  let byte = read8(at++);
  while (true) {
    if (byte == 0x66) prefix |= PREFIX_66;
    else if (byte == 0xf2) prefix = (prefix & ~PREFIX_REP) | PREFIX_REPNE;
    else if (byte == 0xf3) prefix = (prefix & ~PREFIX_REPNE) | PREFIX_REP;
    else break;
    byte = read8(at++);
  }
  let rex: u32 = 0;
  if ((byte & 0xf0) == 0x40) {
    rex = byte;
    prefix |= PREFIX_REX;
    if (rex & 8) prefix |= PREFIX_REXW;
    byte = read8(at++);
  }
  let map: u32 = 1;
  let opcode = read8(at++);
  if (opcode == 0x38 || opcode == 0x3a) {
    map = opcode == 0x38 ? 2 : 3;
    opcode = read8(at++);
  }
  memory.fill(op, 0, OP_SIZE);
  memory.fill(op + OP_COLD, 0, OP_COLD_BYTES);
  if (!(map == 1 && opcode == 0x77)) {
    const modrm = read8(at++);
    const rm = (modrm & 7) | ((rex & 1) << 3);
    store<u8>(op, modrm, OP_MODRM);
    store<u8>(op, ((modrm >> 3) & 7) | ((rex & 4) << 1), OP_REG);
    store<u8>(op, rm, OP_RM);
    store<u8>(op, reg8Offset(rm, (prefix & PREFIX_REX) != 0), OP_RM8);
    if (modrm < 0xc0) {
      prefix |= PREFIX_MEMORY;
      store<u8>(op, rm, OP_BASE);
      store<u16>(op, <u16>(CPU_GPR + (rm << 3)), OP_BASE_SLOT);
    }
  }
  store<u16>(op, <u16>zeroSlot, OP_INDEX_SLOT);
  store<u16>(op, <u16>(CPU_SEG + DS * SEG_SIZE + SEG_BASE), OP_SEG_SLOT);
  store<u8>(op, <u8>DS, OP_SEG);
  store<u8>(op, OPF_SIMPLE, OP_FLAGS);
  store<u8>(op, 8, OP_ADDRSIZE);
  store<u64>(op, ~(<u64>0), OP_ADDRESS_MASK);
  if (hasImmediate(map, opcode)) store<u64>(op, <u64>(<i64>(<i8>read8(at++))), OP_IMM);
  store<u8>(op, <u8>prefix, OP_PREFIX);
  store<u8>(op, prefix & PREFIX_REXW ? 8 : prefix & PREFIX_66 ? 2 : 4, OP_OPSIZE);
  store<u8>(op, <u8>map, OP_MAP);
  store<u8>(op, <u8>opcode, OP_OPCODE);
  store<u8>(op, <u8>(at - start), OP_LENGTH);
  return <u32>(at - start);
}

/** Executes the instruction at RIP. Returns the vector that it raises, with the CPU_EXIT fields filled, or -1 with RIP after the instruction. */
export function unit_run(): i32 {
  clearFault();
  tlbSelect(accessNeedsInspection());
  tlbFlushAll();
  const rip = load<u64>(state, CPU_RIP);
  const length = decode(rip);
  const id = sseIdentify(op);
  if (!id) raise(VECTOR_UD);
  else {
    store<u16>(op, <u16>id, OP_ID);
    sseExecute(op);
  }
  store<u32>(state, fault ? faultError : 0, CPU_EXIT_ERROR);
  store<u64>(state, faultAddress, CPU_EXIT_ADDRESS);
  if (fault) return fault - 1;
  store<u64>(state, rip + length, CPU_RIP);
  return -1;
}

/** Executes the instruction at RIP `times` times, to measure what one costs. */
export function unit_repeat(times: i32): void {
  clearFault();
  decode(load<u64>(state, CPU_RIP));
  store<u16>(op, <u16>sseIdentify(op), OP_ID);
  for (let i = 0; i < times; i++) sseExecute(op);
}
