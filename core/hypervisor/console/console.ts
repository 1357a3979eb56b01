/**
 * The hypervisor's log. A line is built in the thread's own buffer and written whole: to the console ring, which `xl dmesg` reads, and with its level
 * (abi/log.ts) to the serial port.
 *   logBegin(LOG_G_WARNING); logVcpu(domid, vcpu); logText(" did what it may not"); logEnd();
 *   log(LOG_DEFAULT, "Brought up all pCPUs");
 * A line has the level that Xen gives it (LOG_DEFAULT: none). Strings are literals: AssemblyScript keeps those as static data, so nothing is
 * allocated.
 */
import { LOG_DEFAULT, LOG_DOMAIN_LINE, LOG_GUEST, LOG_LEVEL_MASK } from "../abi/log";
import { conringWrite } from "./conring";
import { PCPU_LINE, PCPU_LINE_SIZE, self } from "../sched/pcpu";
import { HYPERVISOR_ROOT } from "../memory/frames";
import { systemTime } from "../sched/clock";
import { spinLock, spinUnlock } from "../sched/lock";

/**
 * Thresholds, u32 each, first for Xen's own messages and then for those that guests cause. Levels below `lower` are printed; levels from there to
 * below `upper` are printed too, but rate-limited. 0 lets none pass, 4 all.
 */
export const ROOT_LOGLVL_LOWER: usize = HYPERVISOR_ROOT + 0x80;
export const ROOT_LOGLVL_UPPER: usize = HYPERVISOR_ROOT + 0x84;
export const ROOT_GUEST_LOWER: usize = HYPERVISOR_ROOT + 0xb4;
export const ROOT_GUEST_UPPER: usize = HYPERVISOR_ROOT + 0xb8;
export const ROOT_CONSOLE_LOCK: usize = HYPERVISOR_ROOT + 0x88;
/** u32: while this is not 0, as during a panic, thresholds are ignored. */
const ROOT_PRINT_EVERYTHING: usize = HYPERVISOR_ROOT + 0xbc;
/** Rate limit, shared by all causes of messages: u64 time in milliseconds of the last request, u32 milliseconds saved up, u32 messages missed. */
const ROOT_LIMIT_LAST: usize = HYPERVISOR_ROOT + 0x90;
const ROOT_LIMIT_SAVED: usize = HYPERVISOR_ROOT + 0x98;
const ROOT_LIMIT_MISSED: usize = HYPERVISOR_ROOT + 0x9c;
/** Xen's printk_ratelimit: a message costs 5 s, and no more than the cost of ten messages is saved up. */
const LIMIT_COST_MS: u32 = 5000;
const LIMIT_MOST_MS: u32 = 50_000;

let open = false;
let openKind: u32 = LOG_DEFAULT;

/** Sets the rate limit to its state at power-on. */
export function consoleInit(): void {
  store<u64>(ROOT_LIMIT_LAST, 0);
  store<u32>(ROOT_LIMIT_SAVED, LIMIT_MOST_MS);
  store<u32>(ROOT_LIMIT_MISSED, 0);
  store<u32>(ROOT_PRINT_EVERYTHING, 0);
}

/** Until it is ended as often as it was started, everything is printed, whatever its level. */
export function startLogEverything(): void {
  atomic.add<u32>(ROOT_PRINT_EVERYTHING, 1);
}
export function endLogEverything(): void {
  atomic.sub<u32>(ROOT_PRINT_EVERYTHING, 1);
}

function mayPrint(kind: u32): bool {
  if (atomic.load<u32>(ROOT_PRINT_EVERYTHING)) return true;
  const guest = (kind & LOG_GUEST) != 0;
  const level = kind & LOG_LEVEL_MASK;
  if (level < load<u32>(guest ? ROOT_GUEST_LOWER : ROOT_LOGLVL_LOWER)) return true;
  return level < load<u32>(guest ? ROOT_GUEST_UPPER : ROOT_LOGLVL_UPPER) && withinLimit();
}

function withinLimit(): bool {
  const time = systemTime() / 1_000_000;
  spinLock(ROOT_CONSOLE_LOCK);
  const last = load<u64>(ROOT_LIMIT_LAST);
  // Another pCPU may have read the clock later and come here earlier.
  const passed = time > last ? time - last : 0;
  if (passed) store<u64>(ROOT_LIMIT_LAST, time);
  const saved = <u32>min<u64>(load<u32>(ROOT_LIMIT_SAVED) + passed, LIMIT_MOST_MS);
  const ok = saved >= LIMIT_COST_MS;
  store<u32>(ROOT_LIMIT_SAVED, ok ? saved - LIMIT_COST_MS : saved);
  const missed = load<u32>(ROOT_LIMIT_MISSED);
  store<u32>(ROOT_LIMIT_MISSED, ok ? 0 : missed + 1);
  spinUnlock(ROOT_CONSOLE_LOCK);
  if (ok && missed) {
    beginLine(LOG_DEFAULT);
    logText("(XEN) printk: ");
    logDec(missed);
    logText(" messages suppressed.");
    logEnd();
  }
  return ok;
}

function beginLine(kind: u32): void {
  open = true;
  openKind = kind;
  self.lineLength = 0;
}

/** Begins a line. What follows is dropped if lines of its level are not printed. */
export function logBegin(kind: u32): void {
  open = mayPrint(kind);
  if (!open) return;
  beginLine(kind);
  logText("(XEN) ");
}

/** Begins a line that a guest writes: it starts with `(dN) ` and has the level XENLOG_G_DEBUG. */
export function logBeginGuest(domid: u32): void {
  open = mayPrint(LOG_DOMAIN_LINE);
  if (!open) return;
  beginLine(LOG_DOMAIN_LINE);
  logText("(d");
  logDec(domid);
  logText(") ");
}

// @ts-ignore: decorator
@inline
function put(byte: u8): void {
  const length = self.lineLength;
  // The last byte is kept for the newline.
  if (length >= PCPU_LINE_SIZE - 1) return;
  store<u8>(changetype<usize>(self) + PCPU_LINE + length, byte);
  self.lineLength = length + 1;
}

export function logByte(byte: u32): void {
  if (open) put(<u8>byte);
}

/** Appends a string literal of ASCII characters. */
export function logText(text: string): void {
  if (!open) return;
  const data = changetype<usize>(text);
  const length = text.length;
  for (let i = 0; i < length; i++) put(load<u8>(data + ((<usize>i) << 1)));
}

/** Appends up to `length` bytes at `address`, up to the first zero byte. */
export function logBytes(address: usize, length: u32): void {
  if (!open) return;
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(address + i);
    if (!byte) return;
    put(byte);
  }
}

/** Appends an unsigned decimal number of at least `width` characters, padded with spaces. */
export function logDec(value: u64, width: u32 = 0): void {
  if (!open) return;
  let digits: u32 = 1;
  let power: u64 = 1;
  while (value / power >= 10) {
    power *= 10;
    digits++;
  }
  for (; width > digits; width--) put(32);
  for (; power; power /= 10) put(<u8>(48 + ((value / power) % 10)));
}

export function logSigned(value: i64): void {
  if (value < 0) {
    logByte(45);
    logDec(<u64>-value);
  } else logDec(<u64>value);
}

/** Appends a hexadecimal number without prefix, of at least `width` digits. */
export function logHex(value: u64, width: u32 = 1): void {
  if (!open) return;
  let digits: u32 = 1;
  while (digits < 16 && value >> (digits * 4)) digits++;
  if (width > digits) digits = width;
  for (let i = digits; i > 0; i--) {
    const digit = (<u32>(value >> ((i - 1) * 4))) & 15;
    put(<u8>(digit < 10 ? 48 + digit : 87 + digit));
  }
}

/** Appends dN or dNvM, as Xen names domains and vCPUs. */
export function logDomain(domid: u32): void {
  logText("d");
  logDec(domid);
}
export function logVcpu(domid: u32, vcpu: u32): void {
  logDomain(domid);
  logText("v");
  logDec(vcpu);
}

/** Ends the line and writes it. */
export function logEnd(): void {
  if (!open) return;
  put(10);
  const at = changetype<usize>(self) + PCPU_LINE;
  const length = self.lineLength;
  store<u8>(at + length - 1, 10);
  consoleWrite(at, length, openKind);
  open = false;
}

/** Writes a line that is one literal. */
export function log(kind: u32, text: string): void {
  logBegin(kind);
  logText(text);
  logEnd();
}

/** Writes bytes as they are to the ring and the serial port, in one piece. */
export function consoleWrite(address: usize, length: u32, kind: u32): void {
  spinLock(ROOT_CONSOLE_LOCK);
  conringWrite(address, length, kind);
  spinUnlock(ROOT_CONSOLE_LOCK);
}
