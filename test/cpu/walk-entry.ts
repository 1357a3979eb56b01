/** AssemblyScript entry for the tests of the page walk. The results of a walk are read afterwards. */
import {
  entryAt,
  mappedBy,
  walkError,
  walkInit,
  walkLevel,
  walkOutside,
  walkSpace,
} from "../../core/machine/cpu/paging/walk";

export function init(bytes: f64): void {
  walkInit(<u64>bytes);
}
export function walk(levels: i32, second: i64, root: i64, flags: i64, lin: i64, access: i32, update: bool): i64 {
  return walkSpace(levels, second, root, flags, lin, access, update);
}
export function error(): i32 {
  return walkError;
}
export function level(): i32 {
  return walkLevel;
}
export function outside(): i64 {
  return walkOutside;
}
export function entry_at(root: i64, lin: i64, level: i32): f64 {
  return <f64>entryAt(root, lin, level);
}
export function mapped_by(entry: i64, level: i32): i64 {
  return mappedBy(entry, level);
}
