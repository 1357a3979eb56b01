/**
 * Finds 32-bit arithmetic in AssemblyScript that does not have the width that it seems to have.
 *
 * AssemblyScript gives an expression the width that its context asks for: in `tag && load<u32>(p) + n == <u32>host` with a 64-bit `tag` the sum has
 * 64 bits and does not wrap, while alone it has 32 bits and wraps. And it widens a 32-bit result without a message. So:
 * - `context`: an operation that can overflow, or for which the sign matters, must have the same type in every context;
 * - `compared`: so must what is compared;
 * - `widened`: the result of an operation that may have wrapped may become wider only by an explicit cast;
 * - `signed`: so may a signed number that becomes a wider unsigned one, also one that was loaded;
 * - `exported`: JavaScript is given no unsigned 32-bit numbers, because it would see signed ones. An address is given as f64.
 * Constants are allowed everywhere, because their value is known and nothing in them overflows unnoticed. So is the count of a shift, because its
 * last six bits are the same in every width.
 *
 * This asks the AssemblyScript compiler itself for the types, by watching it while it compiles (0.28; the tests fail if that no longer works). `node
 * core/widths.mjs [entry ...]` prints what it finds and fails if there is something.
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { Compiler, ElementKind, ExpressionRunnerFlags, NodeKind, Token, Type } from "assemblyscript";
import { ASC_OPTIONS } from "./build.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** Everything that is compiled with AssemblyScript in this project. */
const ENTRIES = ["core/hypervisor/core.ts"];

/** Operators whose result can be wider than their operands. */
const BINARY = new Set([Token.Plus, Token.Minus, Token.Asterisk, Token.Asterisk_Asterisk, Token.LessThan_LessThan]);
const PREFIX = new Set([Token.Minus, Token.Tilde]);
const SHIFTS = new Set([
  Token.LessThan_LessThan,
  Token.GreaterThan_GreaterThan,
  Token.GreaterThan_GreaterThan_GreaterThan,
]);
/** Operators that work differently for signed numbers. */
const SIGNED = new Set([Token.GreaterThan_GreaterThan, Token.Slash, Token.Percent]);
/** Operators for which the last bits of the result depend only on the last bits of the operands. */
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

/** Where findings go while a program is being compiled. */
let report = null;
/** Whether an expression is being compiled for the second time, as if it were alone. */
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

/** The type that the compiler gives to a small atomic load without a context. */
const UNKNOWN = Type.auto;

/** Returns the type that `compile` gives to an expression without a context. Afterwards the compiler has the type that it had before. */
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

/** Compiles what `name` compiles once more without a context. `judge` compares the types. */
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
/** A load has the width that its context wants. */
function judgeCall(node, own, here) {
  if (own.size < here.size && own.isSignedIntegerValue && here.isUnsignedIntegerValue)
    found("signed", node, `${own} that becomes ${here}`);
}

/** The left operand is compiled in the context of the whole expression, and the right one in the context of the left one's type. */
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

/** A function is compiled when a call to it is. It is not compiled again, even if the call is. */
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

/** Exports that only translated code calls, which knows their width. */
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

/** Returns what is found in everything that `entry` reaches. For tests, `files` by path are used instead of the disk's. */
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
