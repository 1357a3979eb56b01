/** AssemblyScript entry for the tests of the log: the hypervisor's own console and command line, with a clock that the test advances. */
import { LOG_LEVEL_MASK } from "../../../core/hypervisor/abi/log";
import { defaultOptions, parseOptions } from "../../../core/hypervisor/boot/options";
import { conringInit } from "../../../core/hypervisor/console/conring";
import { consoleInit, consoleWrite, log, logBegin, logDec, logEnd } from "../../../core/hypervisor/console/console";
import { pcpuAt, setSelf } from "../../../core/hypervisor/sched/pcpu";

export { endLogEverything, startLogEverything } from "../../../core/hypervisor/console/console";
export { conringConsumer, conringMove, conringProducer, conringRead } from "../../../core/hypervisor/console/conring";
export { consoleWrite };

/** Runs up to the point where thresholds hold. The command line lies where the boot loader puts it. */
export function boot(): void {
  setSelf(pcpuAt(0));
  conringInit();
  consoleInit();
  defaultOptions();
  parseOptions();
}

/** Used by another instance over the memory of one that has booted: prints that many lines, whose levels follow their numbers. */
export function flood(count: u32): void {
  setSelf(pcpuAt(0));
  for (let i: u32 = 0; i < count; i++) say(i & LOG_LEVEL_MASK, i);
}

/** Prints a line of that kind with the number in it. */
export function say(kind: u32, number: u32): void {
  logBegin(kind);
  logDec(number);
  logEnd();
}

export function sayNothing(kind: u32): void {
  log(kind, "");
}
