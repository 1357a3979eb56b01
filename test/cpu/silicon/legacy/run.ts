/** Builds harness and engine, runs instances of 16- and 32-bit code on both, and reports the differences. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { compileEngine } from "../../engine.ts";
import { breath } from "../../../breath.ts";
import { VISIBLE_FLAGS } from "../compare.ts";
import { formKey } from "../forms.ts";
import { Random, WINDOW } from "../generate.ts";
import { type Report } from "../run.ts";
import { readLegacyCorpus } from "./corpus.ts";
import { LegacyEngine } from "./engine.ts";
import { CASE, legacyInstances, RESULT, type LegacyInstance } from "./generate.ts";
import { userDescriptors } from "./segments.ts";
import { settled } from "./tolerance.ts";

const root = path.resolve(import.meta.dirname, "../../../..");
const BATCH = 8192;
const SAMPLES = Number(process.env.CPU_TEST_SAMPLES ?? 3);
const REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];
const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"];
/** The vectors whose error code describes something that a program has done. */
const WITH_ERROR = new Set([10, 11, 12, 13, 14]);

export function buildLegacySilicon(): string {
  const cache = path.join(root, ".cache/cpu");
  mkdirSync(cache, { recursive: true });
  const binary = path.join(cache, "legacy");
  const options = ["-O1", "-no-pie", "-fno-stack-protector", "-o", binary];
  execFileSync("gcc", [...options, path.join(import.meta.dirname, "legacy.c")]);
  return binary;
}

export async function legacySilicon(binary: string, batch: readonly LegacyInstance[]): Promise<Buffer> {
  const child = spawn(binary, { stdio: ["pipe", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const done = new Promise<number | null>((resolve) => child.on("close", resolve));
  child.stdin.end(Buffer.concat([userDescriptors(), ...batch.map(({ bytes }) => bytes)]));
  const status = await done;
  const results = Buffer.concat(chunks);
  if (status !== 0 || results.length !== batch.length * RESULT.size)
    throw new Error(
      `the harness of 16- and 32-bit code ended with status ${status} after ${results.length / RESULT.size} of ${batch.length} cases`,
    );
  return results;
}

/** Says in words where two results of one case differ. */
export function legacyDifference({ flagMask }: LegacyInstance, silicon: Uint8Array, engine: Uint8Array): string | null {
  const a = new DataView(silicon.buffer, silicon.byteOffset);
  const b = new DataView(engine.buffer, engine.byteOffset);
  const found: string[] = [];
  const compare = (name: string, x: number, y: number): void => {
    if (x !== y) found.push(`${name} ${x.toString(16)} engine ${y.toString(16)}`);
  };
  const u32 = (name: string, at: number, mask = 0xffffffff): void =>
    compare(name, (a.getUint32(at, true) & mask) >>> 0, (b.getUint32(at, true) & mask) >>> 0);
  u32("trap", RESULT.trap);
  const trap = a.getUint32(RESULT.trap, true);
  if (WITH_ERROR.has(trap)) u32("error", RESULT.error);
  if (trap === 14) u32("cr2", RESULT.cr2);
  u32("eip", RESULT.eip);
  u32("eflags", RESULT.eflags, Number(VISIBLE_FLAGS) & ~flagMask);
  REGISTERS.forEach((name, n) => u32(name, RESULT.gpr + 4 * n));
  SEGMENTS.forEach((name, n) => {
    const at = RESULT.segments + 2 * n;
    // The kernel's return to the harness turns any null selector into 0.
    const seen = (view: DataView): number => (view.getUint16(at, true) > 3 ? view.getUint16(at, true) : 0);
    compare(name, seen(a), seen(b));
  });
  for (let i = 0; i < 64; i++) u32(`ymm${i >> 3}.${i & 7}`, RESULT.ymm + 4 * i);
  for (let i = 0; i < WINDOW; i += 4) u32(`memory+${i}`, RESULT.memory + i);
  return found.length ? found.join(", ") : null;
}

/** Describes for a report what the case had, as far as addresses depend on it. */
function described({ bytes, length, bits }: LegacyInstance): string {
  const view = new DataView(bytes.buffer);
  const code = Buffer.from(bytes.subarray(CASE.code, CASE.code + length)).toString("hex");
  const registers = REGISTERS.map((name, n) => `${name}=${view.getUint32(CASE.gpr + 4 * n, true).toString(16)}`);
  const segments = SEGMENTS.map((name, n) => `${name}=${view.getUint16(CASE.segments + 2 * n, true).toString(16)}`);
  return `${bits}-bit ${code} [${[...registers, ...segments].join(" ")}]`;
}

function compareLegacy(engine: LegacyEngine, batch: readonly LegacyInstance[], silicon: Buffer, report: Report): void {
  const result = new Uint8Array(RESULT.size);
  batch.forEach((one, i) => {
    report.count++;
    let text: string | null;
    try {
      engine.run(one.bytes, result);
      const answer = silicon.subarray(i * RESULT.size, (i + 1) * RESULT.size);
      text = legacyDifference(one, settled(one, answer, result), result);
    } catch (error) {
      text = String(error);
    }
    if (!text) return;
    report.mismatches++;
    const key = formKey(one.form);
    const list = report.samples.get(key) ?? [];
    if (list.length < SAMPLES) list.push(`${described(one)}: ${text}`);
    report.samples.set(key, list);
  });
}

/** Returns what differs from the record of silicon, and how many instances were compared. */
export async function againstLegacyCorpus(translates = false): Promise<Report & { regions: number }> {
  const report: Report = { count: 0, mismatches: 0, samples: new Map() };
  const engine = new LegacyEngine(await compileEngine(), translates);
  for (const [one, silicon] of readLegacyCorpus()) {
    compareLegacy(engine, [one], silicon, report);
    if (report.count % 500 === 0) await breath();
  }
  return { ...report, regions: engine.regions };
}

export async function legacyConformance(
  seed: number,
  count: number,
  only?: string,
  translates = false,
): Promise<Report> {
  const report: Report = { count: 0, mismatches: 0, samples: new Map() };
  const engine = new LegacyEngine(await compileEngine(), translates);
  const binary = buildLegacySilicon();
  let batch: LegacyInstance[] = [];
  const flush = async (): Promise<void> => {
    compareLegacy(engine, batch, await legacySilicon(binary, batch), report);
    batch = [];
  };
  for (const one of legacyInstances(count, new Random(seed), only)) if (batch.push(one) === BATCH) await flush();
  if (batch.length) await flush();
  return report;
}
