/** AssemblyScript entry for the tests of the log: the hypervisor's own console and command line, with a clock that the test turns. */
import { defaultOptions, parseOptions } from "../../../core/hypervisor/boot/options";
import { conringInit } from "../../../core/hypervisor/console/conring";
import { consoleInit, consoleWrite, log, logBegin, logDec, logEnd } from "../../../core/hypervisor/console/console";
import { pcpuAt, setSelf } from "../../../core/hypervisor/sched/pcpu";

export { endLogEverything, startLogEverything } from "../../../core/hypervisor/console/console";
export { conringConsumer, conringProducer, conringRead } from "../../../core/hypervisor/console/conring";
export { consoleWrite };

/** Up to where thresholds hold; the command line lies where the boot loader puts it. */
export function boot(): void {
  setSelf(pcpuAt(0));
  conringInit();
  consoleInit();
  defaultOptions();
  parseOptions();
}

/** A line of that kind with the number in it. */
export function say(kind: u32, number: u32): void {
  logBegin(kind);
  logDec(number);
  logEnd();
}

export function sayNothing(kind: u32): void {
  log(kind, "");
}
