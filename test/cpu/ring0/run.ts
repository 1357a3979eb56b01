/** Runs the kernel of this folder on the engine, as a guest that owns its privileged state behind a second stage of translation. */
import * as exits from "../../../core/machine/cpu/exits.ts";
import * as state from "../../../core/machine/cpu/state.ts";
import { Machine, RAX, RDX } from "../machine.ts";

const LOAD_ADDRESS = 0x100000;
/** Guest-physical memory is 16 MiB of the host's, with the second stage's tables after it. */
const GUEST = 0x4000000;
const GUEST_BYTES = 0x1000000;
const SECOND = GUEST + GUEST_BYTES;
const MEMORY_PAGES = 1536;
/** The port to which the kernel prints. */
const DEBUG_PORT = 0xe9;
const MULTIBOOT_ENTRY = 28;
const MOST_EXITS = 100_000;

/** Returns what the kernel at 1 MiB prints until it halts. */
export function runKernel(compiled: WebAssembly.Module, image: Uint8Array): string {
  const m = new Machine(compiled, null, MEMORY_PAGES);
  m.bytes.set(image, GUEST + LOAD_ADDRESS);
  // 4 levels of 2 MiB pages.
  m.view.setBigUint64(SECOND, BigInt(SECOND + 0x1000) | 7n, true);
  m.view.setBigUint64(SECOND + 0x1000, BigInt(SECOND + 0x2000) | 7n, true);
  for (let at = 0; at < GUEST_BYTES; at += 0x200000)
    m.view.setBigUint64(SECOND + 0x2000 + (at / 0x200000) * 8, BigInt(GUEST + at) | 0x87n, true);
  m.exports.engine_power_on!();
  m.exports.engine_protected32!(m.view.getUint32(GUEST + LOAD_ADDRESS + MULTIBOOT_ENTRY, true));
  m.set(state.CPU_SECOND_ROOT, BigInt(SECOND));
  m.view.setUint32(m.cpu + state.CPU_SPACE_ID, 1, true);
  let text = "";
  for (let n = 0; n < MOST_EXITS; n++) {
    const exit = m.run();
    if (exit === exits.EXIT_POLL) continue;
    if (exit === exits.EXIT_HALT) return text;
    if (exit !== exits.EXIT_PRIVILEGED)
      return `${text}\nexit ${exit}, rip ${m.rip.toString(16)}, address ${m.address.toString(16)}`;
    const opcode = m.bytes[GUEST + Number(m.rip)]!;
    const byImmediate = opcode === 0xe4 || opcode === 0xe6;
    const port = byImmediate ? m.bytes[GUEST + Number(m.rip) + 1]! : Number(m.reg(RDX) & 0xffffn);
    // Nothing but the printer answers. Reads give 0, as on a PC's ports 80 to 8F.
    if (opcode === 0xec || opcode === 0xe4) m.setReg(RAX, m.reg(RAX) & ~0xffn);
    else if (opcode !== 0xee && opcode !== 0xe6)
      return `${text}\nthe platform was asked for opcode ${opcode.toString(16)}`;
    else if (port === DEBUG_PORT) text += String.fromCharCode(Number(m.reg(RAX) & 0xffn));
    m.exports.engine_finish!();
  }
  return `${text}\nno end after ${MOST_EXITS} exits`;
}
