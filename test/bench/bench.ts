/**
 * `npm run bench`: guest-bench as a PV guest here, natively, and under QEMU's TCG when that is installed, in turn in one run; medians
 * of --runs (3). The results are printed and written to test/bench/RESULTS.md. Checks are compared: a machine that computes
 * something else has no time.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { debianKernel, guestBench, initramfs } from "../guests/images.ts";
import { runGuest } from "../guests/run.ts";
import setup from "../build.ts";
import { median, medians, parseBench, table, type Times } from "./table.ts";

const { values } = parseArgs({ options: { runs: { type: "string", default: "3" } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs is "${values.runs}"; allowed: a whole number from 1`);

const MEMORY = "512";
const OURS = "Xenarium";
const QEMU = "QEMU TCG";

interface Run {
  text: string;
  /** Seconds from the start of the program to GUEST-READY; NaN for the native run. */
  ready: number;
}

function native(): Run {
  return { text: execFileSync(guestBench(), { encoding: "utf8" }), ready: NaN };
}

async function here(): Promise<Run> {
  const args = ["--kernel", debianKernel(), "--ramdisk", initramfs("bench"), "--cmdline", "console=hvc0 quiet"];
  const { stdout, stderr, status } = await runGuest([...args, "--memory", MEMORY, "--pcpus", "1", "--timeout", "300"]);
  if (status !== 0) throw new Error(`the guest ended with status ${status}\n${stdout}\n${stderr}`);
  return { text: stdout.replaceAll("\r", ""), ready: uptime(stdout) };
}

function qemu(): Run {
  const args = [
    "-accel",
    "tcg",
    "-cpu",
    "max",
    "-m",
    MEMORY,
    "-nographic",
    "-no-reboot",
    "-nodefaults",
    "-serial",
    "stdio",
  ];
  const boot = ["-kernel", debianKernel(), "-initrd", initramfs("bench"), "-append", "console=ttyS0 quiet"];
  const { stdout } = spawnSync("qemu-system-x86_64", [...args, ...boot], { encoding: "utf8", timeout: 300_000 });
  return { text: stdout.replaceAll("\r", ""), ready: uptime(stdout) };
}

/** The guest's own clock at GUEST-READY. */
function uptime(text: string): number {
  return Number(/GUEST-READY uptime=([\d.]+)/.exec(text)?.[1] ?? NaN);
}

function hasQemu(): boolean {
  return spawnSync("qemu-system-x86_64", ["--version"], { stdio: "ignore" }).status === 0;
}

setup();
const machines: [string, () => Run | Promise<Run>][] = [
  ["native", native],
  [OURS, here],
  ...(hasQemu() ? [[QEMU, qemu] as [string, () => Run]] : []),
];
const times = new Map<string, Times[]>(machines.map(([name]) => [name, []]));
const ready = new Map<string, number[]>(machines.map(([name]) => [name, []]));
let checks: Record<string, string> | null = null;
for (let run = 1; run <= runs; run++)
  for (const [name, start] of machines) {
    process.stderr.write(`run ${run} of ${runs}: ${name}\n`);
    const result = await start();
    const parsed = parseBench(result.text);
    checks ??= parsed.checks;
    for (const [test, check] of Object.entries(parsed.checks))
      if (checks[test] !== check) throw new Error(`${name} computes ${check} in ${test}, not ${checks[test]}`);
    times.get(name)!.push(parsed.times);
    ready.get(name)!.push(result.ready);
  }

const result = table(OURS, new Map(machines.map(([name]) => [name, medians(times.get(name)!)])));
const boot = machines
  .filter(([name]) => name !== "native")
  .map(
    ([name]) =>
      `Boot of Debian's kernel to GUEST-READY, guest's clock: ${name} ${median(ready.get(name)!).toFixed(2)} s.`,
  )
  .join("\n");
const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
const text = [
  "# guest-bench",
  `${new Date().toISOString().slice(0, 10)}, ${machine}; medians of ${runs}, in turn in one run (\`npm run bench\`).`,
  `\`${QEMU} / ${OURS}\` above 1: Xenarium is faster. ${hasQemu() ? "" : "qemu-system-x86_64 was not installed."}`.trim(),
  result,
  boot,
].join("\n\n");
writeFileSync(path.join(import.meta.dirname, "RESULTS.md"), `${text}\n`);
process.stdout.write(`${text}\n`);
