/**
 * The hypervisor knows the types of guests by their structures only (core/hypervisor/guest/type.ts): outside of guest/ no file names a type, its
 * number or its traits, and none imports from a type's own folder. So a new type is a folder below guest/ and a row of guest/table.ts.
 * `node core/guest-types.mjs` prints what it finds and fails if there is something.
 */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const hypervisor = path.join(path.dirname(fileURLToPath(import.meta.url)), "hypervisor");

/** The files outside of guest/ that may name a type, and what they may name. */
const ALLOWED = {
  // dom0 is a native domain whoever its guests are.
  "boot/dom0.ts": ["GUEST_NATIVE"],
  // The exports by which the thread of a native domain enters the hypervisor.
  "core.ts": ["guest/native/thread", "guest/native/hypercalls"],
};

const parsed = (text) => ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);

/** The names by which guest/type.ts, whose text this is, lets others name a type. */
export function namesOfTypes(text) {
  return parsed(text)
    .statements.filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => declarationList.declarations)
    .map(({ name }) => name.getText())
    .filter((name) => /^(GUEST|TRAITS)_[A-Z0-9]+$/.test(name) && name !== "GUEST_TYPES")
    .concat("isOfType");
}

/** What `text`, the file at `file` below core/hypervisor, names of types: each name, or the path of an import, with its line. */
export function namedTypes(file, text, names) {
  if (file.startsWith("guest/")) return [];
  const source = parsed(text);
  const known = new Set(names);
  const found = [];
  const note = (node, what) => {
    if (ALLOWED[file]?.includes(what)) return;
    found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}: ${what}`);
  };
  const visit = (node) => {
    if (ts.isIdentifier(node) && known.has(node.text)) note(node, node.text);
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      const target = path.posix.join(path.posix.dirname(file), node.moduleSpecifier.text);
      if (/^guest\/[^/]+\//.test(target)) note(node, target);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const names = namesOfTypes(readFileSync(path.join(hypervisor, "guest/type.ts"), "utf8"));
  const found = readdirSync(hypervisor, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll(path.sep, "/"))
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => namedTypes(file, readFileSync(path.join(hypervisor, file), "utf8"), names));
  for (const line of found) console.error(`core/hypervisor/${line}`);
  if (found.length) {
    console.error(
      "What depends on a guest's type belongs into the type's structure (core/hypervisor/guest/README.md).",
    );
    process.exitCode = 1;
  }
}
