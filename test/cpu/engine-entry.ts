/**
 * The engine alone, as an AssemblyScript entry for tests. From `region` on, `engine_init(region)` lays out the vCPU state, the code tables and the
 * pCPU's region. The rest of memory belongs to the test.
 */
import { requestRegion } from "../../core/machine/cpu/region_requests";
import { clearFault, cpu, fault, setCpu, setPollAddress } from "../../core/machine/cpu/machine";
import { codeMode, refreshMode } from "../../core/machine/cpu/mode";
import { spaceKey } from "../../core/machine/cpu/paging/space";
import { setFrameTables } from "../../core/machine/cpu/frames/tables";
import { beforeDecode, decodeHolds } from "../../core/machine/cpu/frames/decoding";
import { frameWritten, endTranslations } from "../../core/machine/cpu/frames/written";
import { endLogged, isLogged, logIsWhole, settleLog, takeLogged } from "../../core/machine/cpu/frames/log";
import { dropBlocks } from "../../core/machine/cpu/blocks";
import { cpuInit, cpuRegionSize, run, setBudget, step } from "../../core/machine/cpu/interpreter";
import { overrideWrites, endOverride } from "../../core/machine/cpu/access";
import { decode } from "../../core/machine/cpu/decode/decode";
import { getRflags, setRflags } from "../../core/machine/cpu/flags";
import { loadSegment } from "../../core/machine/cpu/segment";
import { deliverInterrupt, deliverNmi, injectException, interruptible } from "../../core/machine/cpu/exceptions";
import { finishInstruction } from "../../core/machine/cpu/intercepted";
import { OUTSIDE_AGAIN, OUTSIDE_DEVICE, OUTSIDE_LEAVE, leaveOutside, setOutside } from "../../core/machine/cpu/outside";
import { enterProtected32, powerOnCpu, resetCpu, startAtPage } from "../../core/machine/cpu/reset";
import { tlbDropWrites, tlbFlushAll, tlbFlushPage, tlbFlushSpace } from "../../core/machine/cpu/tlb";
import { CPU_EXIT_OP, CPU_SIZE } from "../../core/machine/cpu/state";

export * from "../../core/machine/cpu/region_imports";
export { regionAdopt as region_adopt, regionDrop as region_drop } from "../../core/machine/cpu/regions";

let after: usize = 0;
let versions: usize = 0;
let flags: usize = 0;

/** Returns the first address after what the engine uses. */
export function engine_init(region: usize): usize {
  const frames = (<u32>memory.size()) << 4;
  let at = (region + 63) & ~(<usize>63);
  setCpu(at);
  at += CPU_SIZE;
  versions = at;
  at += <usize>frames * 4;
  flags = at;
  at += <usize>frames;
  setFrameTables(versions, flags, frames);
  at = (at + 4095) & ~(<usize>4095);
  cpuInit(0, at);
  after = at + cpuRegionSize();
  return after;
}
/** Adds a processor over the same memory and code tables. Returns the first address after what the engine uses for it. */
export function engine_join(pcpu: u32, region: usize, codeVersions: usize, codeFlags: usize): usize {
  const at = (region + 63) & ~(<usize>63);
  setCpu(at);
  memory.fill(at, 0, CPU_SIZE);
  versions = codeVersions;
  flags = codeFlags;
  setFrameTables(versions, flags, (<u32>memory.size()) << 4);
  const tables = (at + CPU_SIZE + 4095) & ~(<usize>4095);
  cpuInit(pcpu, tables);
  after = tables + cpuRegionSize();
  return after;
}
export function engine_state(): usize {
  return cpu;
}
export function engine_run(): i32 {
  const exit = run();
  endTranslations();
  return exit;
}
export function engine_step(): i32 {
  const exit = step();
  endTranslations();
  return exit;
}
/** Forgets translations and decoded code, after the test has changed memory from outside. */
export function engine_flush(): void {
  tlbFlushAll();
  dropBlocks();
}
/** Forgets translations only. Changed code can be reported by engine_code_written(). */
export function engine_flush_tlb(): void {
  tlbFlushAll();
}
/** Forgets what was learned through the second stage `id`. */
export function engine_flush_space(id: u32): void {
  tlbFlushSpace(id);
}
export function engine_flush_page(lin: u64): void {
  tlbFlushPage(lin);
}
/** Forgets translations for writing to the page at a machine address, after its type has changed. */
export function engine_drop_writes(host: usize): void {
  tlbDropWrites(host);
}
/**
 * What a decoder does before and after it reads a page. The second returns whether it may keep what it has decoded.
 */
export function engine_before_decode(host: usize): void {
  watched = beforeDecode(host);
}
export function engine_decode_holds(host: usize): bool {
  return watched && decodeHolds(host);
}
let watched: bool = false;
export function engine_code_written(address: usize): void {
  frameWritten(<u32>(address >> 12));
}
/** The log of writes, by machine addresses. */
export function engine_log_take(address: usize): bool {
  return takeLogged(<u32>(address >> 12));
}
export function engine_log_settle(): bool {
  settleLog();
  return logIsWhole();
}
export function engine_log_whole(): bool {
  return logIsWhole();
}
export function engine_log_has(address: usize): bool {
  return isLogged(<u32>(address >> 12));
}
export function engine_log_end(address: usize): void {
  endLogged(<u32>(address >> 12));
}
/** The tables of frames, for the translator. */
export function engine_code_versions(): usize {
  return versions;
}
export function engine_code_flags(): usize {
  return flags;
}
export function engine_refresh(): void {
  refreshMode();
}
/** What a request for the translation of code has of the vCPU, whose mode is refreshed: MODE_*, and the key of the address space. */
export function engine_mode(): u32 {
  return codeMode;
}
export function engine_space(): u64 {
  return spaceKey();
}
/** Requests the translation of the code at a machine address, as code that is hot is. */
export function engine_request(host: u32): bool {
  return requestRegion(host, codeMode, host, 0);
}
export function engine_budget(instructions: i32): void {
  setBudget(instructions, instructions);
}
export function engine_poll_address(address: usize): void {
  setPollAddress(address);
}
export function engine_get_rflags(): i32 {
  return <i32>getRflags();
}
export function engine_set_rflags(value: f64): void {
  setRflags(<u64>value);
}
/** Returns 0, or 1 + vector. */
export function engine_load_segment(n: i32, selector: u32): i32 {
  loadSegment(n, selector);
  const result = fault;
  clearFault();
  return result;
}
export function engine_interrupt(vector: u32): bool {
  return deliverInterrupt(vector);
}
export function engine_nmi(): bool {
  return deliverNmi();
}
export function engine_inject(vector: i32, error: u32): bool {
  return injectException(vector, error);
}
export function engine_interruptible(): bool {
  return interruptible();
}
/** Completes the instruction that run() has left to the hypervisor. */
export function engine_finish(): i32 {
  return finishInstruction(<usize>load<u32>(cpu, CPU_EXIT_OP));
}
export function engine_power_on(): void {
  powerOnCpu();
}
export function engine_init_signal(): void {
  resetCpu();
}
export function engine_sipi(page: u32): void {
  startAtPage(page);
}
export function engine_protected32(eip: u32): void {
  enterProtected32(eip);
}

// ---- an owner of the second stage: a device of one page, and one entry that it adds when asked ----

const DEVICE: u64 = 0xfee00000;
/** A guest-physical address that is given memory when it is missed, by writing `demandEntry` at `demandAt`. */
let demandAddress: u64 = 0;
let demandAt: usize = 0;
let demandEntry: u64 = 0;
/** What the device was told, at `deviceLog`: a u32 count, then 24 bytes for each access with address, size and value (0 for a read). */
let deviceLog: usize = 0;
let deviceWaits: i32 = 0;

function miss(address: u64, access: i32): u32 {
  if ((address & ~(<u64>0xfff)) == DEVICE) return OUTSIDE_DEVICE;
  if ((address & ~(<u64>0xfff)) != demandAddress) return OUTSIDE_LEAVE;
  store<u64>(demandAt, demandEntry);
  return OUTSIDE_AGAIN;
}
function logAccess(address: u64, size: u32, value: u64): void {
  const n = load<u32>(deviceLog);
  store<u32>(deviceLog, n + 1);
  const at = deviceLog + 8 + <usize>n * 24;
  store<u64>(at, address);
  store<u64>(at, size, 8);
  store<u64>(at, value, 16);
}
function deviceReads(address: u64, size: u32): u64 {
  if (deviceWaits) {
    deviceWaits--;
    leaveOutside();
    return 0;
  }
  logAccess(address, size, 0);
  return 0x1122334455667788;
}
function deviceWrites(address: u64, size: u32, value: u64): void {
  logAccess(address, size, size == 8 ? value : value & (((<u64>1) << (<u64>size * 8)) - 1));
}
/** `waits` is the number of reads of the device that are not answered at once. */
export function engine_outside(log: usize, address: f64, at: usize, entry: f64, waits: i32): void {
  deviceLog = log;
  store<u32>(log, 0);
  demandAddress = <u64>address;
  demandAt = at;
  demandEntry = <u64>entry;
  deviceWaits = waits;
  setOutside(miss, deviceReads, deviceWrites);
}
export function engine_override(lin: u64, scratch: usize): void {
  overrideWrites(lin, scratch);
}
export function engine_end_override(): void {
  endOverride();
}
export { codePage as engine_code_page } from "../../core/machine/cpu/paging/code_page";
/** Decodes into `op`. Returns the length, or -1. */
export function engine_decode(op: usize, mode: u32, bytes: usize, available: u32, offset: u32): i32 {
  return decode(op, mode, bytes, available, offset);
}
