/**
 * Finds names that nothing uses: imports and local names that their file does not use, exports that no other file imports, and fields of
 * AssemblyScript structures that nobody reads. The AssemblyScript compiler does not report them, and neither ESLint nor tsc reads its files.
 *
 * `node core/unused.mjs` prints what it finds and fails if there is something. An export may exist for a test alone. Two kinds of files are not
 * judged: files that record an interface (RECORDS), because they contain whatever the interface contains, and the modules that Node starts (ENTRIES).
 */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** The files whose names are judged: those that AssemblyScript compiles. The rest of the sources is read for what it uses of them. */
const JUDGED = /^core\/(machine\/cpu\/|hypervisor\/|machine\/layout\.ts$)/;
const READ = ["core", "electron", "renderer", "test"];
/** Files that contain a whole interface as others define it. */
const RECORDS = /^core\/(hypervisor\/abi|abi)\/|^core\/machine\/cpu\/(ids|handlers)\.ts$/;
/** Modules whose exports are called by the host and not by another module. */
const ENTRIES = /^core\/hypervisor\/core\.ts$|-entry\.ts$/;

function sources() {
  return READ.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|tsx|mts|mjs)$/.test(entry.name))
      .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)).replaceAll("\\", "/")),
  );
}

/** Returns the file that `specifier` names in `file`, or null if it is none of ours. */
function resolve(file, specifier, known) {
  if (!specifier.startsWith(".")) return null;
  const target = path.posix.join(path.posix.dirname(file), specifier);
  return [target, `${target}.ts`, `${target}.tsx`].find((name) => known.has(name)) ?? null;
}

/** Whether this is `x.field = ...` whose value is not used. */
function isOnlyAssigned(node) {
  const { parent } = node;
  if (!ts.isBinaryExpression(parent) || parent.left !== node) return false;
  return parent.operatorToken.kind === ts.SyntaxKind.EqualsToken && ts.isExpressionStatement(parent.parent);
}

/** Records what one file declares, imports and mentions. */
function look(file, text, named) {
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const seen = { file, tree, imports: [], passedOn: [], declared: [], fields: [], mentions: new Map(), properties: [] };
  const mention = (name) => seen.mentions.set(name, (seen.mentions.get(name) ?? 0) + 1);
  const declare = (name, node) => {
    const exported = (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    seen.declared.push({ name: name.text, node: name, exported });
  };
  const topLevel = (node) => {
    if (ts.isImportDeclaration(node)) {
      const bindings = node.importClause?.namedBindings;
      const from = node.moduleSpecifier.text;
      if (bindings && ts.isNamespaceImport(bindings)) seen.imports.push({ all: bindings.name.text, node, from });
      else
        for (const each of bindings?.elements ?? [])
          seen.imports.push({ name: (each.propertyName ?? each.name).text, as: each.name.text, node: each, from });
    } else if (ts.isExportDeclaration(node)) {
      const from = node.moduleSpecifier?.text;
      if (!node.exportClause) seen.passedOn.push({ from });
      else
        for (const each of node.exportClause.elements ?? [])
          seen.passedOn.push({ from, name: (each.propertyName ?? each.name).text, as: each.name.text });
    } else if (ts.isVariableStatement(node)) {
      for (const each of node.declarationList.declarations) if (ts.isIdentifier(each.name)) declare(each.name, node);
    } else if ((ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) && node.name) declare(node.name, node);
  };
  const visit = (node) => {
    if (ts.isIdentifier(node)) mention(node.text);
    // offsetof<T>("field") in AssemblyScript, and import("./module") in tests, name properties.
    if (ts.isStringLiteral(node) && ts.isCallExpression(node.parent)) seen.properties.push(node.text);
    if (ts.isPropertyAccessExpression(node) && !isOnlyAssigned(node)) seen.properties.push(node.name.text);
    // core/build.mjs finds constants by patterns.
    if (ts.isRegularExpressionLiteral(node)) named.push(...(node.text.match(/\w+/g) ?? []));
    if (ts.isPropertyDeclaration(node) && ts.isIdentifier(node.name) && ts.isClassDeclaration(node.parent))
      seen.fields.push({ name: node.name.text, node: node.name });
    if (ts.isImportDeclaration(node)) return;
    ts.forEachChild(node, visit);
  };
  tree.statements.forEach(topLevel);
  visit(tree);
  return seen;
}

/** Whether this is padding, or one of several fields that stand for an array and are reached from the first of them. */
function isFiller(name, fields) {
  const [, stem, number] = /^(.*?)(\d+)$/.exec(name) ?? [];
  return /^(pad|reserved)\d*$/.test(name) || (number > 0 && fields.some((field) => field.name === `${stem}0`));
}

/** Returns findings as [file, line, sentence]. `read` returns the text of a file, for tests. */
export function unusedNames(files = sources(), read = (file) => readFileSync(path.join(root, file), "utf8")) {
  const known = new Set(files);
  const named = [];
  const looked = files.map((file) => look(file, read(file), named));
  const byFile = new Map(looked.map((seen) => [seen.file, seen]));
  const used = new Map(files.map((file) => [file, new Set()]));
  const use = (file, name) => {
    if (!file || used.get(file).has(name)) return;
    used.get(file).add(name);
    for (const { from, name: passed, as } of byFile.get(file).passedOn) {
      if (!from) continue;
      if (!passed || as === name) use(resolve(file, from, known), passed ?? name);
    }
  };
  const properties = new Set();
  const byPattern = new Set(named);
  for (const seen of looked) {
    for (const name of seen.properties) properties.add(name);
    for (const { name, all, from } of seen.imports) {
      const target = resolve(seen.file, from, known);
      if (name) use(target, name);
      else if (all) for (const property of seen.properties) use(target, property);
    }
    if (ENTRIES.test(seen.file))
      for (const { from, name } of seen.passedOn) {
        const target = from && resolve(seen.file, from, known);
        if (!target) continue;
        if (name) use(target, name);
        else for (const each of byFile.get(target).declared) use(target, each.name);
      }
  }
  const findings = [];
  const judged = looked.filter(({ file }) => JUDGED.test(file) && !RECORDS.test(file));
  for (const seen of judged) {
    const found = (node, sentence) =>
      findings.push([seen.file, seen.tree.getLineAndCharacterOfPosition(node.getStart()).line + 1, sentence]);
    for (const { as, all, node } of seen.imports)
      if (!seen.mentions.has(as ?? all)) found(node, `${as ?? all} is imported and not used`);
    for (const { name, node, exported } of seen.declared) {
      const here = seen.mentions.get(name) > 1;
      const elsewhere = exported && (used.get(seen.file).has(name) || byPattern.has(name) || ENTRIES.test(seen.file));
      if (!here && !elsewhere) found(node, `nothing uses ${name}`);
      else if (exported && !elsewhere) found(node, `${name} is exported, and only its own file uses it`);
    }
    for (const { name, node } of seen.fields)
      if (!properties.has(name) && !isFiller(name, seen.fields)) found(node, `nothing reads the field ${name}`);
  }
  return findings.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const findings = unusedNames();
  for (const [file, line, sentence] of findings) console.error(`${file}:${line}: ${sentence}`);
  if (findings.length) {
    console.error(`${findings.length} names that nothing uses (core/unused.mjs)`);
    process.exitCode = 1;
  }
}
