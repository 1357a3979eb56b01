/** Builds harness and engine, runs instances on both, and reports the differences. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { buildWasm } from "../../../core/build.mjs";
import { breath } from "../../breath.ts";
import { difference } from "./compare.ts";
import { readCorpus } from "./corpus.ts";
import { Engine } from "./engine.ts";
import { formKey } from "./forms.ts";
import { CASE, instances, RESULT, type Instance } from "./generate.ts";
import { fromAmd, isAmd } from "./vendor.ts";
import { describeX87 } from "./x87-state.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const cache = path.join(root, ".cache/cpu");
const BATCH = 4096;
const SAMPLES = Number(process.env.CPU_TEST_SAMPLES ?? 3);

/** Returns null if this machine can run the harness, else why it cannot. */
export function siliconMissing(): string | null {
  if (process.arch !== "x64" || process.platform !== "linux")
    return `needs x86-64 Linux, this is ${process.platform} ${process.arch}`;
  try {
    execFileSync("gcc", ["--version"], { stdio: "ignore" });
    return null;
  } catch {
    return "needs gcc";
  }
}

export async function buildEngine(translates = false): Promise<Engine> {
  const wasm = path.join(cache, "engine.wasm");
  await buildWasm(path.join(root, "test/cpu/engine-entry.ts"), wasm, [path.join(root, "core/machine/cpu")]);
  return new Engine(wasm, translates);
}

/** Returns what differs from the record of silicon, and how many instances were compared. */
export async function againstCorpus(engine: Engine): Promise<{ count: number; differences: string[] }> {
  const result = new Uint8Array(RESULT.size);
  const differences: string[] = [];
  let count = 0;
  for (const [one, silicon] of readCorpus()) {
    engine.run(one.bytes, result);
    if (++count % 500 === 0) await breath();
    const text = difference(one, silicon, result);
    if (text) differences.push(`${formKey(one.form)}: ${text}`);
  }
  return { count, differences };
}

export function buildSilicon(): string {
  mkdirSync(cache, { recursive: true });
  const binary = path.join(cache, "silicon");
  execFileSync("gcc", ["-O1", "-o", binary, path.join(import.meta.dirname, "silicon.c")]);
  return binary;
}

/** Returns the real CPU's results in the order of the instances. */
export async function* siliconResults(
  binary: string,
  batches: Iterable<Instance[]>,
): AsyncGenerator<[Instance[], Buffer]> {
  for (const batch of batches) {
    const child = spawn(binary, { stdio: ["pipe", "pipe", "inherit"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    const done = new Promise<number | null>((resolve) => child.on("close", resolve));
    child.stdin.end(Buffer.concat(batch.map(({ bytes }) => bytes)));
    const status = await done;
    const results = Buffer.concat(chunks);
    if (status !== 0 || results.length !== batch.length * RESULT.size)
      throw new Error(
        `the silicon harness ended with status ${status} after ${results.length / RESULT.size} of ${batch.length} cases`,
      );
    yield [batch, results];
  }
}

export function* inBatches(all: Iterable<Instance>): Generator<Instance[]> {
  let batch: Instance[] = [];
  for (const one of all) {
    batch.push(one);
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length) yield batch;
}

export interface Report {
  count: number;
  mismatches: number;
  /** The first few differences of each form that has any. */
  samples: Map<string, string[]>;
}

export function compareBatch(engine: Engine, batch: Instance[], silicon: Buffer, report: Report): void {
  const result = new Uint8Array(RESULT.size);
  const amd = isAmd();
  batch.forEach((instance, i) => {
    report.count++;
    let text: string | null;
    try {
      engine.run(instance.bytes, result);
      const answer = silicon.subarray(i * RESULT.size, (i + 1) * RESULT.size);
      text = difference(instance, amd ? fromAmd(instance, answer, result) : answer, result);
    } catch (error) {
      text = String(error);
    }
    if (!text) return;
    report.mismatches++;
    const { form } = instance;
    const key = formKey(form);
    const list = report.samples.get(key) ?? [];
    const code = Buffer.from(instance.bytes.subarray(CASE.code, CASE.code + instance.length)).toString("hex");
    if (list.length < SAMPLES)
      list.push(`${code}: ${form.family === "x87" ? `${describeX87(instance.bytes)}: ` : ""}${text}`);
    report.samples.set(key, list);
  });
}

export async function conformance(seed: number, count: number, only?: string, translates = false): Promise<Report> {
  const report: Report = { count: 0, mismatches: 0, samples: new Map() };
  const engine = await buildEngine(translates);
  for await (const [batch, silicon] of siliconResults(buildSilicon(), inBatches(instances(seed, count, only))))
    compareBatch(engine, batch, silicon, report);
  return report;
}
