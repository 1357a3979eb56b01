/**
 * There are no bare offsets in the engine, the hypervisor and dom0: the place of `load`, `store`, an atomic access, an access to a guest's memory or
 * (in TypeScript) an access to the machine's memory is given by a name, which is one of core/abi if the structure is Xen's. `node
 * core/bare-offsets.mjs` prints the numbers that it finds and fails if there are any.
 */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const core = path.dirname(fileURLToPath(import.meta.url));
const FOLDERS = ["machine/cpu", "hypervisor", "dom0", "toolstack"];

/** Files in which numbers are not offsets in structures, and why. */
const ALLOWED = new Map([["hypervisor/guest/pv/hypercall_page.ts", "bytes of machine code, one behind the other"]]);

/** Which arguments are addresses, and which are added to them. */
const PLACES = new Map([
  ["load", [0, 1]],
  ["store", [0, 2]],
  ["memory.copy", [0, 1]],
  ["memory.fill", [0]],
  ["copyToGuest", [0, 1]],
  ["copyFromGuest", [0, 1]],
]);
function placesOf(callee) {
  if (PLACES.has(callee)) return PLACES.get(callee);
  return /^(atomic\.\w+|(read|write)Guest\d+)$|\bmemory\.((get|set)(8|16|32|64)|bytes|words|string|zero)$/.test(callee)
    ? [0]
    : [];
}

function withoutCasts(node) {
  while (ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isTypeAssertionExpression(node))
    node = node.expression;
  return node;
}
/** Returns the numbers other than 0 that are added up in `node`. A number that is multiplied (an index by a size) or shifted is no offset. */
function numbersIn(node) {
  const inner = withoutCasts(node);
  if (ts.isBinaryExpression(inner) && inner.operatorToken.kind === ts.SyntaxKind.PlusToken)
    return [...numbersIn(inner.left), ...numbersIn(inner.right)];
  return ts.isNumericLiteral(inner) && Number(inner.text) !== 0 ? [inner] : [];
}

/** Returns what is found in an AssemblyScript text, with lines. */
export function bareOffsets(text) {
  const source = ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const found = [];
  const visit = (node) => {
    if (ts.isCallExpression(node))
      for (const place of placesOf(node.expression.getText(source)))
        if (node.arguments[place])
          for (const number of numbersIn(node.arguments[place]))
            found.push({
              line: source.getLineAndCharacterOfPosition(number.getStart(source)).line + 1,
              text: `${number.getText(source)} in ${node.getText(source).replace(/\s+/g, " ")}`,
            });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  let count = 0;
  for (const folder of FOLDERS)
    for (const name of readdirSync(path.join(core, folder), { recursive: true, encoding: "utf8" }).sort()) {
      const file = path.join(folder, name).replaceAll(path.sep, "/");
      if (!file.endsWith(".ts") || ALLOWED.has(file)) continue;
      for (const { line, text } of bareOffsets(readFileSync(path.join(core, file), "utf8"))) {
        console.error(`core/${file}:${line}: ${text}`);
        count++;
      }
    }
  if (count) {
    console.error(`${count} bare offsets: name them (core/abi, or a constant beside the structure)`);
    process.exitCode = 1;
  }
}
