/**
 * The hypervisor's log. A line is built in the thread's own buffer and written whole: to the console ring (what
 * `xl dmesg` reads) and to the serial port.
 *
 *   logBegin(LOG_ERR); logText("domain "); logDec(domid); logText(" crashed"); logEnd();
 *   log(LOG_INFO, "Brought up all pCPUs");
 *
 * Strings are literals: AssemblyScript keeps those as static data, so nothing is allocated.
 */
import { conringWrite } from "./conring";
import { PCPU_LINE, PCPU_LINE_SIZE, self } from "../sched/pcpu";
import { HYPERVISOR_ROOT } from "../memory/frames";
import { systemTime } from "../sched/clock";
import { spinLock, spinUnlock } from "../sched/lock";

/** Log levels of the Xen log: smaller is more important. `always` ignores the thresholds. */
export const LOG_ALWAYS: u32 = 0;
export const LOG_ERR: u32 = 1;
export const LOG_WARNING: u32 = 2;
export const LOG_INFO: u32 = 3;
export const LOG_DEBUG: u32 = 4;
/** Added for messages that guests cause: threshold guest_loglvl, rate-limited. */
export const LOG_GUEST: u32 = 16;
export const LOG_G_ERR: u32 = 17;
export const LOG_G_WARNING: u32 = 18;
export const LOG_G_INFO: u32 = 19;
export const LOG_G_DEBUG: u32 = 20;

/** u32 each: levels up to `lower` are printed, up to `upper` too but rate-limited; for Xen's own and for guests' messages. */
export const ROOT_LOGLVL_LOWER: usize = HYPERVISOR_ROOT + 0x80;
export const ROOT_LOGLVL_UPPER: usize = HYPERVISOR_ROOT + 0x84;
export const ROOT_GUEST_LOWER: usize = HYPERVISOR_ROOT + 0xb4;
export const ROOT_GUEST_UPPER: usize = HYPERVISOR_ROOT + 0xb8;
export const ROOT_CONSOLE_LOCK: usize = HYPERVISOR_ROOT + 0x88;
/** Rate limit of guest messages: u64 window start, u32 printed in it, u32 missed. */
const ROOT_LIMIT_START: usize = HYPERVISOR_ROOT + 0x90;
const ROOT_LIMIT_COUNT: usize = HYPERVISOR_ROOT + 0x98;
const ROOT_LIMIT_MISSED: usize = HYPERVISOR_ROOT + 0x9c;
/** Xen's ratelimit: 10 messages in 5 s. */
const LIMIT_WINDOW_NS: u64 = 5_000_000_000;
const LIMIT_BURST: u32 = 10;

let open = false;

function mayPrint(level: u32): bool {
  if (level == LOG_ALWAYS) return true;
  const guest = level >= LOG_GUEST;
  const importance = guest ? level - LOG_GUEST : level;
  if (importance <= load<u32>(guest ? ROOT_GUEST_LOWER : ROOT_LOGLVL_LOWER)) return true;
  return importance <= load<u32>(guest ? ROOT_GUEST_UPPER : ROOT_LOGLVL_UPPER) && withinLimit();
}

function withinLimit(): bool {
  const time = systemTime();
  spinLock(ROOT_CONSOLE_LOCK);
  let missed: u32 = 0;
  if (time - load<u64>(ROOT_LIMIT_START) > LIMIT_WINDOW_NS) {
    store<u64>(ROOT_LIMIT_START, time);
    store<u32>(ROOT_LIMIT_COUNT, 0);
    missed = load<u32>(ROOT_LIMIT_MISSED);
    store<u32>(ROOT_LIMIT_MISSED, 0);
  }
  const count = load<u32>(ROOT_LIMIT_COUNT);
  const ok = count < LIMIT_BURST;
  if (ok) store<u32>(ROOT_LIMIT_COUNT, count + 1);
  else store<u32>(ROOT_LIMIT_MISSED, load<u32>(ROOT_LIMIT_MISSED) + 1);
  spinUnlock(ROOT_CONSOLE_LOCK);
  if (missed) {
    logBegin(LOG_ALWAYS);
    logText("printk: ");
    logDec(missed);
    logText(" messages suppressed.");
    logEnd();
  }
  return ok;
}

/** Begins a line; what follows is dropped if the level is not printed. */
export function logBegin(level: u32): void {
  open = mayPrint(level);
  if (!open) return;
  self.lineLength = 0;
  logText("(XEN) ");
}

/** Begins a line that a guest writes: `(dN) ` in front. */
export function logBeginGuest(level: u32, domid: u32): void {
  open = mayPrint(level);
  if (!open) return;
  self.lineLength = 0;
  logText("(d");
  logDec(domid);
  logText(") ");
}

// @ts-ignore: decorator
@inline
function put(byte: u8): void {
  const length = self.lineLength;
  // The last place is the newline's.
  if (length >= PCPU_LINE_SIZE - 1) return;
  store<u8>(changetype<usize>(self) + PCPU_LINE + length, byte);
  self.lineLength = length + 1;
}

export function logByte(byte: u32): void {
  if (open) put(<u8>byte);
}

/** A string literal of ASCII characters. */
export function logText(text: string): void {
  if (!open) return;
  const data = changetype<usize>(text);
  const length = text.length;
  for (let i = 0; i < length; i++) put(load<u8>(data + ((<usize>i) << 1)));
}

/** `length` bytes at `address` up to the first zero byte. */
export function logBytes(address: usize, length: u32): void {
  if (!open) return;
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(address + i);
    if (!byte) return;
    put(byte);
  }
}

/** Unsigned decimal, at least `width` characters, filled with spaces. */
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

/** Hexadecimal without prefix, at least `width` digits. */
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

/** Xen's dN or dNvM. */
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
  consoleWrite(at, length);
  open = false;
}

/** A line that is one literal. */
export function log(level: u32, text: string): void {
  logBegin(level);
  logText(text);
  logEnd();
}

/** Writes bytes as they are to ring and serial port, in one piece. */
export function consoleWrite(address: usize, length: u32): void {
  spinLock(ROOT_CONSOLE_LOCK);
  conringWrite(address, length);
  spinUnlock(ROOT_CONSOLE_LOCK);
}
