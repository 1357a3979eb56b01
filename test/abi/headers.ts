/** Asks the C compiler for the values of expressions over Xen's public headers, in the layouts of 64- and 32-bit guests. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** null means that the layout has no such thing. */
export type Answer = number | string | null;
/** By expression. */
export type Answers = Map<string, Answer>;

/** The version of the headers from which the record was made. */
export const VERSION = "4.17";

/** Says why the headers cannot be asked here, or returns null. */
export function headersMissing(): string | null {
  const installed = spawnSync("dpkg-query", ["--show", "--showformat=${Version}", "libxen-dev"], { encoding: "utf8" });
  if (installed.status !== 0) return "Xen's headers are not installed (apt-get install libxen-dev)";
  if (!installed.stdout.startsWith(VERSION)) return `libxen-dev is ${installed.stdout}, not ${VERSION}`;
  if (!compiles(32)) return "the C compiler can't compile for 32 bits (apt-get install gcc-multilib)";
  return null;
}

/** Two names stand inside `__XEN__`, because only the hypervisor itself sees them: ERESTART and EVTCHNOP_reset_cont. */
const HYPERVISORS_OWN = ["errno.h", "event_channel.h"];
const HEADERS = [
  ...["xen.h", "memory.h", "grant_table.h", "sched.h", "vcpu.h", "domctl.h", "sysctl.h", "physdev.h", "platform.h"],
  ...["version.h", "features.h", "callback.h", "nmi.h", "elfnote.h", "arch-x86/cpuid.h", "arch-x86/hvm/start_info.h"],
  ...["hvm/hvm_op.h", "hvm/params.h", "hvm/hvm_vcpu.h", "hvm/ioreq.h", "hvm/dm_op.h", "hvm/save.h"],
  ...["io/ring.h", "io/blkif.h", "io/netif.h", "io/console.h", "io/xenbus.h", "io/fbif.h", "io/kbdif.h"],
  ...["io/protocols.h", "io/xs_wire.h", "io/9pfs.h"],
];
const INCLUDES = [
  "#include <errno.h>",
  "#include <stddef.h>",
  "#include <stdint.h>",
  "#include <xen/xen.h>",
  "#define __XEN__",
  ...HYPERVISORS_OWN.map((header) => `#include <xen/${header}>`),
  "#undef __XEN__",
  ...HEADERS.map((header) => `#include <xen/${header}>`),
  "#include <xenctrl.h>",
].join("\n");

/** Returns the object's section `abi` as bytes, or the compiler's complaints as text. */
function compileSection(source: string, bits: 64 | 32): Buffer | string {
  const folder = mkdtempSync(path.join(tmpdir(), "xenarium-abi-"));
  try {
    const [c, object, binary] = ["abi.c", "abi.o", "abi.bin"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(c, source);
    const flags = [`-m${bits}`, "-w", "-D__XEN_TOOLS__", "-fmax-errors=0", "-fno-toplevel-reorder"];
    const compiled = spawnSync("gcc", [...flags, "-c", c, "-o", object], { encoding: "utf8" });
    if (compiled.error) throw compiled.error;
    if (compiled.status !== 0) return compiled.stderr;
    const copy = ["-O", "binary", "--only-section=abi", object, binary];
    const copied = spawnSync("objcopy", copy, { encoding: "utf8" });
    if (copied.status !== 0) throw new Error(`objcopy: ${copied.stderr}`);
    return readFileSync(binary);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compiles(bits: 64 | 32): boolean {
  return typeof compileSection(`${INCLUDES}\nint tried __attribute__((section("abi"))) = 1;`, bits) !== "string";
}

/** The number of bytes reserved for a text. */
const TEXT_BYTES = 64;

function askAll(
  expressions: readonly string[],
  bits: 64 | 32,
  declare: (expression: string, i: number) => string,
): Buffer {
  const source = [INCLUDES, '#line 1 "asked"', ...expressions.map(declare), ""].join("\n");
  const result = compileSection(source, bits);
  if (typeof result === "string") throw new CompileError(result);
  return result;
}

class CompileError extends Error {}

/** Expressions that do not compile have no answer. They are found by the lines that the compiler complains about, and left out. */
function askSome(
  expressions: readonly string[],
  bits: 64 | 32,
  declare: (expression: string, i: number) => string,
): [asked: string[], bytes: Buffer] {
  try {
    return [[...expressions], askAll(expressions, bits, declare)];
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    const wrong = new Set(
      [...error.message.matchAll(/^asked:(\d+):\d+: error:/gm)].map(([, line]) => Number(line) - 1),
    );
    if (wrong.size === 0) throw error;
    const rest = expressions.filter((_, i) => !wrong.has(i));
    return [rest, askAll(rest, bits, declare)];
  }
}

/** `texts` are expressions that are strings. */
export function askHeaders(numbers: readonly string[], texts: readonly string[], bits: 64 | 32): Answers {
  const answers: Answers = new Map([...numbers, ...texts].map((expression) => [expression, null]));
  const inSection = '__attribute__((section("abi"), aligned(8)))';
  const [askedNumbers, values] = askSome(
    numbers,
    bits,
    (expression, i) => `const long long number${i} ${inSection} = (long long)(${expression});`,
  );
  askedNumbers.forEach((expression, i) => answers.set(expression, Number(values.readBigInt64LE(8 * i))));
  const [askedTexts, strings] = askSome(
    texts,
    bits,
    (expression, i) => `const char text${i}[${TEXT_BYTES}] ${inSection} = ${expression};`,
  );
  askedTexts.forEach((expression, i) => {
    const slot = strings.subarray(TEXT_BYTES * i, TEXT_BYTES * (i + 1));
    answers.set(expression, slot.toString("latin1", 0, slot.indexOf(0)));
  });
  return answers;
}
