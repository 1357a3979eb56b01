/**
 * Finds 32-bit arithmetic in AssemblyScript whose width is not what it looks like.
 *
 * AssemblyScript gives an expression the width that the place where it stands asks for: in `tag && load<u32>(p) + n == <u32>host` with a 64-bit
 * `tag` the sum has 64 bits and does not wrap, standing alone it has 32 and does. And it widens a 32-bit result without a word. So:
 * - `context`: an operation that can overflow, or for which the sign matters, must have the same type wherever it stands;
 * - `compared`: so must what is compared;
 * - `widened`: the result of one that may have wrapped becomes wider by an explicit cast only;
 * - `signed`: so does a signed number that becomes a wider unsigned one, a loaded one too.
 * - `exported`: what JavaScript is given is no unsigned 32-bit number, for it sees a signed one: an address is given as f64.
 * Constants are free, for nothing of them overflows unseen: their value is known. So is the count of a shift: its last six bits are the same
 * in every width.
 *
 * This asks AssemblyScript's own compiler for the types, by looking on while it compiles (0.28; the tests see it fail if that ends).
 * `node core/widths.mjs [entry ...]` prints what it finds and fails if there is something.
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { Compiler, ElementKind, ExpressionRunnerFlags, NodeKind, Token, Type } from "assemblyscript";
import { ASC_OPTIONS } from "./build.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** What is compiled with AssemblyScript in this project. */
const ENTRIES = ["core/hypervisor/core.ts"];

/** Operators whose result can be wider than the operands. */
const BINARY = new Set([Token.Plus, Token.Minus, Token.Asterisk, Token.Asterisk_Asterisk, Token.LessThan_LessThan]);
const PREFIX = new Set([Token.Minus, Token.Tilde]);
const SHIFTS = new Set([
  Token.LessThan_LessThan,
  Token.GreaterThan_GreaterThan,
  Token.GreaterThan_GreaterThan_GreaterThan,
]);
/** Operators that do something else with signed numbers. */
const SIGNED = new Set([Token.GreaterThan_GreaterThan, Token.Slash, Token.Percent]);
/** Operators whose result's last bits depend on the operands' last bits only. */
const SUMS = new Set([Token.Plus, Token.Minus, Token.Asterisk]);

function withoutParentheses(node) {
  while (node.kind === NodeKind.Parenthesized) node = node.expression;
  return node;
}
function canOverflow(node) {
  const { kind, operator } = withoutParentheses(node);
  return (kind === NodeKind.Binary && BINARY.has(operator)) || (kind === NodeKind.UnaryPrefix && PREFIX.has(operator));
}

/** Expressions of which only the last bits matter. */
const counts = new WeakSet();
function isCount(node) {
  const inner = withoutParentheses(node);
  counts.add(node).add(inner);
  if (inner.kind === NodeKind.Binary && SUMS.has(inner.operator)) [inner.left, inner.right].forEach(isCount);
}

/** Where findings go while a program is compiled. */
let report = null;
/** An expression is being compiled for the second time: as if it stood alone. */
let alone = false;

function isConstant(compiler, expression) {
  return compiler.module.runExpression(expression, ExpressionRunnerFlags.Default) !== 0;
}

function found(rule, node, why) {
  const { source } = node.range;
  if (source.isLibrary) return;
  const line = source.lineAt(node.range.start);
  report({ rule, why, file: source.normalizedPath, line, column: source.columnAt(), text: node.range.toString() });
}

/** What the compiler takes a small atomic load for that stands alone. */
const UNKNOWN = Type.auto;

/** Type that `compile` gives an expression that stands alone; the compiler is left with the type it had. */
function typeAlone(compiler, compile) {
  const here = compiler.currentType;
  const messages = compiler.diagnostics.length;
  alone = true;
  compile();
  alone = false;
  compiler.diagnostics.length = messages;
  const own = compiler.currentType;
  compiler.currentType = here;
  return own;
}

/** What `name` compiles is compiled once more without a context; `judge` compares the types. */
function watch(name, judge) {
  const compile = Compiler.prototype[name];
  Compiler.prototype[name] = function (node, context, constraints) {
    if (node.kind === NodeKind.Binary && SHIFTS.has(node.operator)) isCount(node.right);
    const result = compile.call(this, node, context, constraints);
    const here = this.currentType;
    if (!report || alone || context === Type.auto || counts.has(node) || !here.isIntegerValue) return result;
    if (isConstant(this, result)) return result;
    judge(
      node,
      typeAlone(this, () => compile.call(this, node, Type.auto, constraints)),
      here,
    );
    return result;
  };
}
function judgeOperator(node, own, here) {
  const isWrong = canOverflow(node)
    ? own.size !== here.size
    : SIGNED.has(node.operator) && own.isSignedIntegerValue !== here.isSignedIntegerValue;
  if (isWrong) found("context", node, `${own} where it stands alone, ${here} here`);
}
/** A load is as wide as the context wants it. */
function judgeCall(node, own, here) {
  if (own.size < here.size && own.isSignedIntegerValue && here.isUnsignedIntegerValue)
    found("signed", node, `${own} that becomes ${here}`);
}

/** The operand on the left is compiled for the context of the whole, the one on the right for the left one's type. */
function watchComparisons(name) {
  const compare = Compiler.prototype[name];
  Compiler.prototype[name] = function (node, context) {
    if (report && !alone && context !== Type.auto) {
      const here = typeAlone(this, () => this.compileExpression(node.left, context));
      const own = typeAlone(this, () => this.compileExpression(node.left, Type.auto));
      if (here.isIntegerValue && own !== UNKNOWN && own.size !== here.size)
        found("compared", node.left, `${own} where it stands alone, ${here} here`);
    }
    return compare.call(this, node, context);
  };
}

function watchConversions() {
  const convert = Compiler.prototype.convertExpression;
  Compiler.prototype.convertExpression = function (expression, from, to, isExplicit, node) {
    const widens = from.isIntegerValue && to.isIntegerValue && from.size < to.size && from.size > 1;
    if (report && !alone && !isExplicit && widens && !counts.has(node) && !isConstant(this, expression)) {
      if (canOverflow(node)) found("widened", node, `${from} that becomes ${to}`);
      else if (from.isSignedIntegerValue && to.isUnsignedIntegerValue)
        found("signed", node, `${from} that becomes ${to}`);
    }
    return convert.call(this, expression, from, to, isExplicit, node);
  };
}

/** Functions are compiled when a call to them is: not again, even if the call is. */
function watchFunctions() {
  const compile = Compiler.prototype.compileFunction;
  Compiler.prototype.compileFunction = function (...args) {
    const before = alone;
    alone = false;
    try {
      return compile.apply(this, args);
    } finally {
      alone = before;
    }
  };
}

/** Exports that only translated code calls, which knows how wide they are. */
const OF_TRANSLATED_CODE = /^region_/;

function watchExports() {
  const compile = Compiler.prototype.compileModuleExport;
  Compiler.prototype.compileModuleExport = function (name, element, prefix) {
    const result = compile.call(this, name, element, prefix);
    if (!report || element.kind !== ElementKind.FunctionPrototype || OF_TRANSLATED_CODE.test(name)) return result;
    const type = this.resolver.resolveFunction(element, null)?.signature.returnType;
    if (type?.isUnsignedIntegerValue && type.size === 32)
      found("exported", element.identifierNode, `${type}, of which JavaScript makes a signed number`);
    return result;
  };
}

watch("compileBinaryExpression", judgeOperator);
watch("compileUnaryPrefixExpression", judgeOperator);
watch("compileCallExpression", judgeCall);
watchComparisons("compileCommutativeCompareBinaryExpression");
watchComparisons("compileNonCommutativeCompareBinaryExpression");
watchConversions();
watchFunctions();
watchExports();

/** What is found in what `entry` reaches; `files` instead of the disk's, by path, for tests. */
export async function wrongWidths(entry, files = null) {
  const findings = new Map();
  // A generic or inlined function is compiled several times.
  report = (finding) => findings.set(`${finding.file}:${finding.line}:${finding.column}:${finding.rule}`, finding);
  const options = ASC_OPTIONS.filter((option) => option !== "-O3");
  try {
    const { error, stderr } = await asc.main([entry, "--baseDir", root, "-o", "widths.wasm", ...options], {
      writeFile() {},
      ...(files ? { readFile: (name) => files[name] ?? null, listFiles: () => [] } : {}),
    });
    if (error) throw new Error(`AssemblyScript: ${error.message}\n${stderr.toString()}`);
  } finally {
    report = null;
  }
  return [...findings.values()].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const entries = process.argv.slice(2);
  const all = new Map();
  for (const entry of entries.length ? entries : ENTRIES)
    for (const finding of await wrongWidths(entry))
      all.set(`${finding.file}:${finding.line}:${finding.column}: ${finding.rule}`, finding);
  for (const [where, { text, why }] of all) console.error(`${where}: ${text} is ${why}`);
  if (all.size) {
    console.error(
      `${all.size} expressions of unclear width: compute into a typed local first, or cast (core/widths.mjs)`,
    );
    process.exitCode = 1;
  }
}
