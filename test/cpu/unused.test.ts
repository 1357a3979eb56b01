/** The check of `npm run lint` for names that nothing uses in AssemblyScript (core/unused.mjs) finds what it must find. */
import { expect, it } from "vitest";
import { unusedNames } from "../../core/unused.mjs";

const USER = "core/hypervisor/core.ts";
const LIBRARY = "core/hypervisor/library.ts";

/** Returns what is found in a program of two files, one sentence each. */
function found(library: string, user = ""): string[] {
  const files: Record<string, string> = { [USER]: user, [LIBRARY]: library };
  return unusedNames(Object.keys(files), (file) => files[file] ?? "").map(([, , sentence]) => sentence);
}

it.each([
  ["an import", 'import { f } from "./other";', "f is imported and not used"],
  ["an export", "export const LIMIT: u32 = 1;", "nothing uses LIMIT"],
  ["a function", "function f(): void {}", "nothing uses f"],
  [
    "an export for nobody else",
    "export const LIMIT: u32 = 1;\nconst MORE = LIMIT + MORE;",
    "LIMIT is exported, and only its own file uses it",
  ],
  ["a field", "class S { size: u32; }\nconst s = new S(); s.size = s;", "nothing reads the field size"],
  ["a decorated function", "// @ts-ignore: decorator\n@inline\nexport function f(): void {}", "nothing uses f"],
])("finds %s that nothing uses", (_what, library, sentence) => {
  expect(found(library)).toContain(sentence);
});

it.each([
  ["by name", "export function f(): void {}", 'import { f } from "./library";\nf();'],
  ["by another name", "export function f(): void {}", 'import { f as g } from "./library";\ng();'],
  ["through the module", "export function f(): void {}", 'import * as library from "./library";\nlibrary.f();'],
  ["by passing it on", "export function f(): void {}", 'export { f as g } from "./library";'],
  ["by passing all on", "export function f(): void {}", 'export * from "./library";'],
  [
    "by a field's place",
    'export class S { a0: u32; a1: u32; pad: u32; }\nstore<u32>(offsetof<S>("a0"), 1);',
    'import { S } from "./library";\nS;',
  ],
])("leaves alone what is used %s", (_how, library, user) => {
  expect(found(library, user)).toEqual([]);
});
