/**
 * `npm run bench -- --work` measures everyday programs in a Debian user space (work/tasks.sh), with the same files and kernel here, natively (chroot)
 * and in QEMU's TCG, in turn in one run. A task whose result differs from the native one fails the run.
 */
import { execFileSync } from "node:child_process";
import { debianKernel } from "../guests/images.ts";
import { runGuest } from "../guests/run.ts";
import { emulate, hasQemu, NATIVE, OURS, QEMU } from "./machines.ts";
import { medians, parseBench, table, type Times } from "./table.ts";
import { userSpace, type UserSpace } from "./work/user-space.ts";

/** Room for the RAM disk, for its files a second time, and for what the tasks need. */
const MEMORY_MIB = "1536";
const HOST_MEMORY_MIB = "2400";

type Runner = (space: UserSpace, pattern: string) => string | Promise<string>;

/** It runs in namespaces of its own, so that it needs no privileges and leaves nothing mounted. */
function native({ folder }: UserSpace, pattern: string): string {
  const script = 'mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; exec chroot "$1" /work/run.sh "$2"';
  const args = ["--map-root-user", "--mount", "--pid", "--fork", "sh", "-c", script, "sh", folder, pattern];
  return execFileSync("unshare", args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

async function ours({ ramdisk }: UserSpace, pattern: string): Promise<string> {
  const boot = ["--kernel", debianKernel(), "--ramdisk", ramdisk, "--cmdline", `console=hvc0 quiet work=${pattern}`];
  const size = ["--memory", MEMORY_MIB, "--host-memory", HOST_MEMORY_MIB, "--pcpus", "1"];
  const { stdout, stderr } = await runGuest([...boot, ...size]);
  const text = stdout.replaceAll("\r", "");
  if (!/^GUEST-DONE/m.test(text))
    throw new Error(`the guest did not come to its end:\n${text.slice(-3000)}\n${stderr}`);
  return text;
}

async function qemu({ ramdisk }: UserSpace, pattern: string): Promise<string> {
  const boot = ["-kernel", debianKernel(), "-initrd", ramdisk, "-append", `console=ttyS0 quiet work=${pattern}`];
  const { text } = await emulate(["-cpu", "max", "-m", MEMORY_MIB, "-nodefaults", ...boot]);
  return text;
}

/** From now on this process, and every process that it starts, has one processor. */
export function pinToOneCore(): void {
  execFileSync("taskset", ["--all-tasks", "--pid", "--cpu-list", "0", String(process.pid)], { stdio: "ignore" });
}

/** Returns the report in Markdown. `only` is an extended regular expression of task names. */
export async function workReport(runs: number, only: string, say: (text: string) => void): Promise<string> {
  const machines: [string, Runner][] = [
    [NATIVE, native],
    [OURS, ours],
  ];
  if (hasQemu()) machines.push([QEMU, qemu]);
  else say("QEMU was not measured: apt-get install qemu-system-x86.");
  const space = userSpace();
  const times = new Map<string, Times[]>(machines.map(([name]) => [name, []]));
  let expected: Record<string, string> | null = null;
  for (let run = 1; run <= runs; run++)
    for (const [name, start] of machines) {
      say(`run ${run} of ${runs}: work set, ${name}`);
      const { times: seconds, checks } = parseBench(await start(space, only));
      expected ??= checks;
      if (!Object.keys(expected).length) throw new Error(`no task's name matches ${only}`);
      for (const [task, check] of Object.entries(expected))
        if (checks[task] !== check)
          throw new Error(`${name} computes ${checks[task] ?? "nothing"} in ${task}, not ${check}`);
      times.get(name)!.push(seconds);
    }
  const measured = new Map(machines.map(([name]) => [name, medians(times.get(name)!)]));
  return [
    `\`peer / ${OURS}\` above 1: ${OURS} is faster. 1 vCPU each.`,
    table(OURS, measured),
    ...below(measured),
  ].join("\n\n");
}

function below(measured: Map<string, Times>): string[] {
  const [own, peer] = [measured.get(OURS)!, measured.get(QEMU)];
  if (!peer) return [];
  const ratios = Object.keys(own).map((task) => peer[task]! / own[task]!);
  const count = (limit: number): number => ratios.filter((ratio) => ratio < limit).length;
  return [`Of ${ratios.length} tasks, ${count(1)} are slower here than in QEMU TCG, ${count(0.7)} below 0.7.`];
}
