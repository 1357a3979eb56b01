/**
 * The interface stands once: no name of core/abi (Xen's) or of core/hypervisor/abi (the hypervisor's own) is declared as a constant
 * anywhere else in core. `node core/abi-once.mjs` prints what it finds and fails if there is something.
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

/** Names that `text` declares outside of functions, with their lines. AssemblyScript's are found too, for it is TypeScript's syntax. */
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

/** `files`: pairs of a path below core and a text. */
export function declaredAgain(files) {
  const owner = new Map();
  const others = [];
  const interfaceFirst = [
    ...files.filter(([file]) => isInterface(file)),
    ...files.filter(([file]) => !isInterface(file)),
  ];
  for (const [file, text] of interfaceFirst)
    for (const { name, line } of declaredIn(text))
      if (isInterface(file) && !owner.has(name)) owner.set(name, file);
      else others.push({ file, name, line });
  return others
    .filter(({ name }) => owner.has(name))
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
