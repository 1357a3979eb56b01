/** Parses Xen's command line, `name` or `name=value` separated by spaces. As in Xen, the last occurrence of a name wins. */
import { BOOT_CMDLINE, BOOT_CMDLINE_SIZE } from "../../machine/layout";
import { setSerial } from "../console/conring";
import { EINVAL } from "../../abi/errno";
import { LOG_DEBUG, LOG_DEFAULT, LOG_ERR, LOG_INFO, LOG_WARNING } from "../abi/log";
import {
  ROOT_GUEST_LOWER,
  ROOT_GUEST_UPPER,
  ROOT_LOGLVL_LOWER,
  ROOT_LOGLVL_UPPER,
  logBegin,
  logBytes,
  logEnd,
  logSigned,
  logText,
} from "../console/console";
import { HYPERVISOR_ROOT } from "../memory/frames";

/** u32 each. */
export const ROOT_NOREBOOT: usize = HYPERVISOR_ROOT + 0xd0;
export const ROOT_CONSOLE_TO_RING: usize = HYPERVISOR_ROOT + 0xd4;
/** u32: frames that dom0 gets; 0 = not given. u32: the most it may have; 0 = as many as it gets. */
export const ROOT_DOM0_FRAMES: usize = HYPERVISOR_ROOT + 0xd8;
export const ROOT_DOM0_MAX_FRAMES: usize = HYPERVISOR_ROOT + 0xdc;
/** u32: bytes of the console ring that were asked for; 0 = default. */
export const ROOT_CONRING_WISH: usize = HYPERVISOR_ROOT + 0xe0;
/** u32: 1 = a scheduler other than credit was asked for. */
export const ROOT_SCHED_REFUSED: usize = HYPERVISOR_ROOT + 0xe4;

/** Returns whether the `length` bytes at `at` are `word`. */
function is(at: usize, length: u32, word: string): bool {
  if (<u32>word.length != length) return false;
  for (let i: u32 = 0; i < length; i++)
    if (load<u8>(at + i) != load<u8>(changetype<usize>(word) + (i << 1))) return false;
  return true;
}

function begins(at: usize, length: u32, word: string): bool {
  return <u32>word.length <= length && is(at, word.length, word);
}

/** Parses a decimal size with suffix G, M, K or B; without suffix it is in KiB. Returns KiB. */
function sizeKiB(at: usize, length: u32): u64 {
  let value: u64 = 0;
  let i: u32 = 0;
  for (; i < length; i++) {
    const digit = <u32>load<u8>(at + i) - 48;
    if (digit > 9) break;
    value = value * 10 + digit;
    if (value > 0xffffffff) value = 0xffffffff;
  }
  const unit = i < length ? load<u8>(at + i) | 32 : 0;
  if (unit == 103) return value << 20;
  if (unit == 109) return value << 10;
  if (unit == 98) return value >> 10;
  return value;
}

function frames(kib: u64): u32 {
  const count = kib >> 2;
  return count > 0xffffffff ? 0xffffffff : <u32>count;
}

/** dom0_mem=[min:]size,max:size */
function dom0Memory(at: usize, length: u32): void {
  let start: u32 = 0;
  for (let i: u32 = 0; i <= length; i++) {
    if (i < length && load<u8>(at + i) != 44) continue;
    const part = at + start;
    const size = i - start;
    if (begins(part, size, "max:")) store<u32>(ROOT_DOM0_MAX_FRAMES, frames(sizeKiB(part + 4, size - 4)));
    else if (begins(part, size, "min:")) {
      if (!load<u32>(ROOT_DOM0_FRAMES)) store<u32>(ROOT_DOM0_FRAMES, frames(sizeKiB(part + 4, size - 4)));
    } else store<u32>(ROOT_DOM0_FRAMES, frames(sizeKiB(part, size)));
    start = i + 1;
  }
}

/** Where the level ends that levelAt() has read last. */
let levelEnd: u32 = 0;

/** Returns the level with which the `length` bytes at `at` begin, as a threshold. If there is none, it is that of a warning. */
function levelAt(at: usize, length: u32): u32 {
  levelEnd = 0;
  let threshold: u32 = LOG_WARNING + 1;
  if (begins(at, length, "none")) {
    threshold = 0;
    levelEnd = 4;
  } else if (begins(at, length, "error")) {
    threshold = LOG_ERR + 1;
    levelEnd = 5;
  } else if (begins(at, length, "warning")) levelEnd = 7;
  else if (begins(at, length, "info")) {
    threshold = LOG_INFO + 1;
    levelEnd = 4;
  } else if (begins(at, length, "debug")) {
    threshold = LOG_DEBUG + 1;
    levelEnd = 5;
  } else if (begins(at, length, "all")) {
    threshold = LOG_DEBUG + 1;
    levelEnd = 3;
  }
  return threshold;
}

/** Parses "level", or "level/level of rate-limited messages". 0, or -EINVAL for what is no level, which then counts as a warning: both as in Xen. */
function levels(at: usize, length: u32, lower: usize, upper: usize): i32 {
  const first = levelAt(at, length);
  let end = levelEnd;
  let second = first;
  if (end < length && load<u8>(at + end) == 47) {
    end++;
    second = levelAt(at + end, length - end);
    end += levelEnd;
  }
  store<u32>(lower, first);
  store<u32>(upper, max<u32>(first, second));
  return end == length ? 0 : -EINVAL;
}

/** Returned by option() for a name that this hypervisor does not know. */
const UNKNOWN: i32 = 1;

/** Applies one option. 0, a negative errno for a value that it can't have, or UNKNOWN. */
function option(name: usize, nameLength: u32, value: usize, valueLength: u32, plain: bool): i32 {
  const off = is(value, valueLength, "no") || is(value, valueLength, "0") || is(value, valueLength, "false");
  if (is(name, nameLength, "dom0_mem")) dom0Memory(value, valueLength);
  else if (is(name, nameLength, "loglvl")) return levels(value, valueLength, ROOT_LOGLVL_LOWER, ROOT_LOGLVL_UPPER);
  else if (is(name, nameLength, "guest_loglvl")) return levels(value, valueLength, ROOT_GUEST_LOWER, ROOT_GUEST_UPPER);
  else if (is(name, nameLength, "noreboot")) store<u32>(ROOT_NOREBOOT, plain || !off ? 1 : 0);
  else if (is(name, nameLength, "console_to_ring")) store<u32>(ROOT_CONSOLE_TO_RING, plain || !off ? 1 : 0);
  else if (is(name, nameLength, "conring_size"))
    store<u32>(ROOT_CONRING_WISH, (<u32>min<u64>(sizeKiB(value, valueLength), 4096)) << 10);
  else if (is(name, nameLength, "sched")) store<u32>(ROOT_SCHED_REFUSED, is(value, valueLength, "credit") ? 0 : 1);
  else if (is(name, nameLength, "console")) setSerial(!is(value, valueLength, "none"));
  else if (is(name, nameLength, "dom0_max_vcpus")) return is(value, valueLength, "1") ? 0 : -EINVAL;
  // These need nothing done: the serial port never loses a byte to a buffer, and there is only one console.
  else if (!is(name, nameLength, "sync_console") && !is(name, nameLength, "com1") && !is(name, nameLength, "vga"))
    return UNKNOWN;
  return 0;
}

/** Sets Xen's defaults: loglvl=warning guest_loglvl=none/warning. */
export function defaultOptions(): void {
  store<u32>(ROOT_LOGLVL_LOWER, LOG_WARNING + 1);
  store<u32>(ROOT_LOGLVL_UPPER, LOG_WARNING + 1);
  store<u32>(ROOT_GUEST_LOWER, 0);
  store<u32>(ROOT_GUEST_UPPER, LOG_WARNING + 1);
}

/** Reads the command line. An unknown option, or one with a value it can't have, gets a line in the log. */
export function parseOptions(): void {
  let at: u32 = 0;
  while (at < <u32>BOOT_CMDLINE_SIZE) {
    const first = load<u8>(BOOT_CMDLINE + at);
    if (!first) break;
    if (first == 32) {
      at++;
      continue;
    }
    const start = at;
    let equals: u32 = 0;
    for (; at < <u32>BOOT_CMDLINE_SIZE; at++) {
      const byte = load<u8>(BOOT_CMDLINE + at);
      if (!byte || byte == 32) break;
      if (byte == 61 && !equals) equals = at;
    }
    const nameEnd = equals ? equals : at;
    const value = equals ? equals + 1 : at;
    const name = BOOT_CMDLINE + start;
    const result = option(name, nameEnd - start, BOOT_CMDLINE + value, at - value, !equals);
    if (!result) continue;
    logBegin(LOG_DEFAULT);
    logText('parameter "');
    logBytes(name, nameEnd - start);
    if (result == UNKNOWN) logText('" unknown!');
    else {
      logText('" has invalid value "');
      logBytes(BOOT_CMDLINE + value, at - value);
      logText('", rc=');
      logSigned(result);
      logText("!");
    }
    logEnd();
  }
}
