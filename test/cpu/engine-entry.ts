/**
 * The engine alone, for tests: AssemblyScript entry. `engine_init(region)` lays out, from `region` on, the vCPU state, the
 * code tables and the pCPU's region; the rest of memory is the test's.
 */
import { clearFault, cpu, fault, setCpu, setPollAddress } from "../../core/machine/cpu/machine";
import { refreshMode } from "../../core/machine/cpu/mode";
import { codeFrameWritten, endTranslations, setCodeTables } from "../../core/machine/cpu/code_frames";
import { dropBlocks } from "../../core/machine/cpu/blocks";
import { cpuInit, cpuRegionSize, run, setBudget, step } from "../../core/machine/cpu/interpreter";
import { overrideWrites, endOverride } from "../../core/machine/cpu/access";
import { decode } from "../../core/machine/cpu/decode/decode";
import { getRflags, setRflags } from "../../core/machine/cpu/flags";
import { loadSegment } from "../../core/machine/cpu/segment";
import { deliverInterrupt } from "../../core/machine/cpu/exceptions";
import { tlbDropWrites, tlbFlushAll, tlbFlushPage } from "../../core/machine/cpu/tlb";
import { CPU_SIZE } from "../../core/machine/cpu/state";

export * from "../../core/machine/cpu/region_imports";
export { regionAdopt as region_adopt, regionDrop as region_drop } from "../../core/machine/cpu/regions";

let after: usize = 0;
let versions: usize = 0;
let flags: usize = 0;

/** First address behind what the engine uses. */
export function engine_init(region: usize): usize {
  const frames = (<u32>memory.size()) << 4;
  let at = (region + 63) & ~(<usize>63);
  setCpu(at);
  at += CPU_SIZE;
  versions = at;
  at += <usize>frames * 4;
  flags = at;
  at += <usize>frames;
  setCodeTables(versions, flags, frames);
  at = (at + 4095) & ~(<usize>4095);
  cpuInit(0, at);
  after = at + cpuRegionSize();
  return after;
}
/** A further processor over the same memory and code tables; first address behind what the engine uses for it. */
export function engine_join(pcpu: u32, region: usize, codeVersions: usize, codeFlags: usize): usize {
  const at = (region + 63) & ~(<usize>63);
  setCpu(at);
  memory.fill(at, 0, CPU_SIZE);
  versions = codeVersions;
  flags = codeFlags;
  setCodeTables(versions, flags, (<u32>memory.size()) << 4);
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
/** Forgets translations and decoded code: for after the test has changed memory from outside. */
export function engine_flush(): void {
  tlbFlushAll();
  dropBlocks();
}
/** Forgets translations only; changed code can be reported by engine_code_written(). */
export function engine_flush_tlb(): void {
  tlbFlushAll();
}
export function engine_flush_page(lin: u64): void {
  tlbFlushPage(lin);
}
/** Forgets translations for writing to the page at a machine address: for after its type has changed. */
export function engine_drop_writes(host: usize): void {
  tlbDropWrites(host);
}
export function engine_code_written(address: usize): void {
  codeFrameWritten(<u32>(address >> 12));
}
/** The tables of code frames, for the translator. */
export function engine_code_versions(): usize {
  return versions;
}
export function engine_code_flags(): usize {
  return flags;
}
export function engine_refresh(): void {
  refreshMode();
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
/** 0, or 1 + vector. */
export function engine_load_segment(n: i32, selector: u32): i32 {
  loadSegment(n, selector);
  const result = fault;
  clearFault();
  return result;
}
export function engine_interrupt(vector: u32): bool {
  return deliverInterrupt(vector);
}
export function engine_override(lin: u64, scratch: usize): void {
  overrideWrites(lin, scratch);
}
export function engine_end_override(): void {
  endOverride();
}
export { codePage as engine_code_page } from "../../core/machine/cpu/paging/code_page";
/** Decodes into `op`; its length or -1. */
export function engine_decode(op: usize, mode: u32, bytes: usize, available: u32, offset: u32): i32 {
  return decode(op, mode, bytes, available, offset);
}
