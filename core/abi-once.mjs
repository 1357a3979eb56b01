/**
 * The interface stands once: no name of core/abi (Xen's) or of core/hypervisor/abi (the hypervisor's own), no name of a bit of x86's control
 * registers and no vector of an exception (core/machine/cpu) is declared as a constant anywhere else in core. TypeScript cannot import the masks of
 * control_bits.ts, which are AssemblyScript's u64: it takes the bits' numbers from bit_numbers.ts, as those masks do. The vectors are AssemblyScript's
 * too, so only its folders are checked for them. `node core/abi-once.mjs` prints what it finds and fails if there is something.
 */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const core = path.dirname(fileURLToPath(import.meta.url));

function sourcesBelow(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => path.join(folder, name));
}

/** Returns the names that `text` declares outside of functions, with their lines. It works for AssemblyScript too, whose syntax is TypeScript's. */
export function declaredIn(text) {
  const source = ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest, false, ts.ScriptKind.TS);
  const lineOf = (node) => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
  return source.statements
    .filter(ts.isVariableStatement)
    .flatMap((statement) => statement.declarationList.declarations)
    .filter(({ name }) => ts.isIdentifier(name))
    .map(({ name }) => ({ name: name.text, line: lineOf(name) }));
}

const isInterface = (file) => /^(hypervisor\/)?abi\//.test(file);
const isAssemblyScript = (file) => /^(hypervisor|machine)\//.test(file);
const isOfBits = (file) => /^machine\/cpu\/(control_bits|bit_numbers)\.ts$/.test(file);
/** Whether the declaration of `name` in `file` is the one that all others must import. */
const owns = (file, name) =>
  isInterface(file) || isOfBits(file) || (file === "machine/cpu/machine.ts" && name.startsWith("VECTOR_"));

/** `files`: pairs of a path below core and a text. */
export function declaredAgain(files) {
  const owner = new Map();
  const declared = files.flatMap(([file, text]) => declaredIn(text).map((each) => ({ file, ...each })));
  const others = declared.filter(({ file, name }) => {
    if (!owns(file, name) || owner.has(name)) return true;
    owner.set(name, file);
    return false;
  });
  return others
    .filter(
      ({ file, name }) =>
        owner.has(name) && (isInterface(owner.get(name)) || isOfBits(owner.get(name)) || isAssemblyScript(file)),
    )
    .map(({ file, line, name }) => `${file}:${line}: ${name} stands in ${owner.get(name)} already`);
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const files = sourcesBelow(core).map((file) => [
    path.relative(core, file).replaceAll(path.sep, "/"),
    readFileSync(file, "utf8"),
  ]);
  const found = declaredAgain(files);
  for (const line of found) console.error(`core/${line}`);
  if (found.length) {
    console.error(`${found.length} names of the interface are declared twice: import them (core/abi/README.md)`);
    process.exitCode = 1;
  }
}
