/**
 * `npm run bench` runs guest-bench as a PV guest here, natively, and under QEMU's TCG if that is installed (with `--xen`, under real Xen in QEMU
 * too), in turn in one run; then it measures boot and memory. `--type pvh` uses a PVH guest here and in QEMU. `--scaling`, `--domains`, `--idle`, `--window`,
 * `--latency`, `--io`, `--net` and `--work` measure those instead (`--only PATTERN` chooses tasks of the work set; `--one-core` uses one processor
 * for all, and `--kept` keeps translated code from run to run, as users have it). Results are medians of --runs (3). They are printed and replace their sections of test/bench/RESULTS.md. Check values are compared,
 * because the time of a machine that computes something else means nothing.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import type { GuestTypeName } from "../../core/dom0/kernel/hypercalls.ts";
import { build } from "../build.ts";
import { bootReport, measureBoots, type Boots } from "./boot.ts";
import { domainsReport, measureDomains, type ManyDomains } from "./domains.ts";
import { idleReport, measureIdle } from "./idle.ts";
import { inOutMissing, inOutReport, measureInOut, type InOut } from "./io.ts";
import { latencyReport, measureLatency, type Latency } from "./latency.ts";
import { NATIVE, OURS, machines } from "./machines.ts";
import { measureMemory, memoryReport, type MemoryUse } from "./memory.ts";
import { measureNetwork, networkReport, type Throughput } from "./net.ts";
import { PROCESS_FIGURES } from "../process.ts";
import { mergeResults, type Section } from "./results.ts";
import { measureScaling, scalingReport } from "./scaling.ts";
import { median, medians, parseBench, table, type Times } from "./table.ts";
import { measureWindow, windowReport } from "./window.ts";
import { pinToOneCore, workReport } from "./work.ts";
import { userSpaceMissing } from "./work/user-space.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    rounds: { type: "string", default: "8" },
    xen: { type: "boolean", default: false },
    scaling: { type: "boolean", default: false },
    domains: { type: "boolean", default: false },
    idle: { type: "boolean", default: false },
    window: { type: "boolean", default: false },
    latency: { type: "boolean", default: false },
    io: { type: "boolean", default: false },
    net: { type: "boolean", default: false },
    work: { type: "boolean", default: false },
    kept: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    "one-core": { type: "boolean", default: false },
    type: { type: "string", default: "pv" },
  },
});
const runs = count("--runs", values.runs);
const rounds = count("--rounds", values.rounds);

if (!isGuestType(values.type)) throw new Error(`--type is "${values.type}"; allowed: pv or pvh`);
const type = values.type;

function isGuestType(text: string): text is GuestTypeName {
  return text === "pv" || text === "pvh";
}

function count(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${option} is "${text}"; allowed: a whole number from 1`);
  return Number(text);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function guestBenchTable(): Promise<string> {
  const { machines: measured, missing } = machines(values.xen, type);
  for (const sentence of missing) say(sentence);
  const times = new Map<string, Times[]>(measured.map(([name]) => [name, []]));
  const ready = new Map<string, number[]>(measured.map(([name]) => [name, []]));
  let checks: Record<string, string> | null = null;
  for (let run = 1; run <= runs; run++)
    for (const [name, start] of measured) {
      say(`run ${run} of ${runs}: ${name}`);
      const result = await start();
      const parsed = parseBench(result.text);
      checks ??= parsed.checks;
      for (const [test, check] of Object.entries(checks))
        if (parsed.checks[test] !== check)
          throw new Error(`${name} computes ${parsed.checks[test] ?? "nothing"} in ${test}, not ${check}`);
      times.get(name)!.push(parsed.times);
      ready.get(name)!.push(result.ready);
    }
  const clock = measured
    .filter(([name]) => name !== NATIVE)
    .map(([name]) => `${name} ${median(ready.get(name)!).toFixed(2)} s`)
    .join(", ");
  return [
    `\`peer / ${OURS}\` above 1: ${OURS} is faster.${missing.map((sentence) => ` ${sentence}`).join("")}`,
    table(OURS, new Map(measured.map(([name]) => [name, medians(times.get(name)!)]))),
    `GUEST-READY by the guest's own clock: ${clock}.`,
  ].join("\n\n");
}

async function repeated<T>(what: string, measure: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let run = 1; run <= runs; run++) {
    say(`run ${run} of ${runs}: ${what}`);
    results.push(await measure());
  }
  return results;
}

/** A measurement of some tasks only is not kept. */
async function measureWork(measured: Partial<Record<Section, string>>): Promise<void> {
  const missing = userSpaceMissing();
  if (missing) return say(missing);
  if (values["one-core"]) pinToOneCore();
  const cache = values.kept ? mkdtempSync(path.join(tmpdir(), "xenarium-bench-")) : null;
  if (cache) process.env.XENARIUM_CACHE = cache;
  try {
    const report = await workReport(runs, values.only, say);
    const text = cache ? `${report}\n\nTranslated code is kept from run to run; the first begins with none.` : report;
    if (values.only) ending.push(text);
    else measured[values["one-core"] ? "Work on one core" : cache ? "Work with kept code" : "Work"] = text;
  } finally {
    if (cache) rmSync(cache, { recursive: true, force: true });
  }
}

async function measureAll(): Promise<Partial<Record<Section, string>>> {
  const measured: Partial<Record<Section, string>> = {};
  if (
    values.scaling ||
    values.domains ||
    values.idle ||
    values.window ||
    values.latency ||
    values.io ||
    values.net ||
    values.work
  ) {
    if (values.latency) measured.Latency = latencyReport(await repeated<Latency>("latency", measureLatency), median);
    if (values.io) {
      const missing = inOutMissing();
      if (missing) say(missing);
      else measured.IO = inOutReport(await repeated<InOut>("disk", measureInOut), median);
    }
    if (values.work) await measureWork(measured);
    if (values.net) measured.Network = networkReport(await repeated<Throughput>("network", measureNetwork), median);
    if (values.window && !PROCESS_FIGURES) say("--window needs /proc, which only Linux has.");
    else if (values.window)
      measured.Window = windowReport(await measureWindow(path.resolve("dist/assets/guests/mini.elf")));
    if (values.idle && !PROCESS_FIGURES) say("--idle needs /proc, which only Linux has.");
    else if (values.idle) measured.Idle = idleReport(await measureIdle({ type }));
    if (values.domains && !PROCESS_FIGURES) say("--domains needs /proc, which only Linux has.");
    else if (values.domains)
      measured.Domains = domainsReport(await repeated<ManyDomains>("many domains", measureDomains));
    if (values.scaling) {
      const scaling = await measureScaling(runs, rounds, say);
      measured.Scaling = scalingReport(scaling);
      ending.push(`scaling domains ${scaling.domains.toFixed(2)}`, `scaling vcpus ${scaling.vcpus.toFixed(2)}`);
    }
    return measured;
  }
  measured[type === "pvh" ? "guest-bench as PVH" : "guest-bench"] = await guestBenchTable();
  measured[type === "pvh" ? "Boot as PVH" : "Boot"] = bootReport(
    await repeated<Boots>("boot", () => measureBoots(type)),
  );
  if (type === "pv" && PROCESS_FIGURES)
    measured.Memory = memoryReport(await repeated<MemoryUse>("memory", measureMemory));
  return measured;
}

/** The last lines of the output. */
const ending: string[] = [];
build();
// Each measurement begins as on a new computer, but for --kept.
process.env.XENARIUM_CACHE = "none";
const measured = await measureAll();
const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
const where = `${new Date().toISOString().slice(0, 10)}, ${machine}; medians of ${runs}.`;
const file = path.join(import.meta.dirname, "RESULTS.md");
writeFileSync(file, mergeResults(existsSync(file) ? readFileSync(file, "utf8") : "", measured, where));
for (const [name, text] of Object.entries(measured)) process.stdout.write(`## ${name}\n\n${where}\n\n${text}\n\n`);
for (const line of ending) process.stdout.write(`${line}\n`);
