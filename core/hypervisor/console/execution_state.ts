/** Logs the state of a domain that crashed: registers, and a stack walk of the guest's kernel. */
import { CPU_GPR, CPU_SEG, CS, SEG_SELECTOR, SEG_SIZE, SS } from "../../machine/cpu/state";
import { Vcpu } from "../domain/domain";
import { clearGuestFault, guestFault, readGuest64 } from "../hypercall/guest_access";
import { typeOf } from "../guest/type";
import { LOG_DEFAULT } from "../abi/log";
import { logBegin, logDec, logEnd, logHex, logText } from "./console";

const STACK_LINES: u32 = 20;
const WORDS_PER_LINE: u32 = 4;

/** Logs registers, then up to 80 words of stack. The vCPU's page tables must be the loaded ones. */
export function showExecutionState(v: Vcpu): void {
  logBegin(LOG_DEFAULT);
  logText("----[ Xen-4.17.5  x86_64  debug=n  Not tainted ]----");
  logEnd();
  typeOf(v.domain).showRegisters(v);
  const selector = CPU_SEG + CS * SEG_SIZE + SEG_SELECTOR;
  const stackSelector = CPU_SEG + SS * SEG_SIZE + SEG_SELECTOR;
  const rsp = load<u64>(v.cpu + CPU_GPR + 4 * 8);
  logBegin(LOG_DEFAULT);
  logText("Guest stack trace from rsp=");
  logHex(rsp, 16);
  logText(" (cs ");
  logHex(load<u16>(v.cpu + selector), 4);
  logText(", ss ");
  logHex(load<u16>(v.cpu + stackSelector), 4);
  logText("):");
  logEnd();
  for (let line: u32 = 0; line < STACK_LINES; line++) {
    logBegin(LOG_DEFAULT);
    logText("  ");
    let printed: u32 = 0;
    for (let word: u32 = 0; word < WORDS_PER_LINE; word++) {
      clearGuestFault();
      const at = rsp + (<u64>line * WORDS_PER_LINE + word) * 8;
      const value = readGuest64(at);
      if (guestFault) break;
      logText(" ");
      logHex(value, 16);
      printed++;
    }
    if (printed < WORDS_PER_LINE) {
      logText(" Fault while accessing guest memory after ");
      logDec(<u64>line * WORDS_PER_LINE + printed);
      logText(" words.");
      logEnd();
      return;
    }
    logEnd();
  }
}
