/**
 * Measures a host with many domains: what it takes to create and to destroy one beside idle ones, what these take themselves, how busy ones share the pCPUs,
 * and how fast a domain is saved and restored.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { PoweredHost } from "../../core/toolstack/power.ts";
import { bundledGuest } from "../dist.ts";
import { debianKernel, initramfs } from "../guests/images.ts";
import { cpuSeconds, residentMiB } from "../process.ts";
import { BenchHost } from "./bench-host.ts";
import { median } from "./table.ts";

const PCPUS = 2;
const HOST_MEMORY_MIB = 3000;
/** Of an idle domain, and of one that is created and destroyed beside them. */
const IDLE_MIB = 8;
const DEBIAN_MIB = 128;
const BESIDE = [0, 50, 100];
const BUSY = 16;
const REPEATED = 5;
const SECONDS = 6;
const SAVED_MIB = 1024;
/** Of these, so much is not zero: the stream leaves out pages that are. */
const FILLED_MIB = 800;
const FILL = [
  "mount -t tmpfs -o size=95% tmpfs /tmp",
  `busybox tr '\\0' x < /dev/zero | dd of=/tmp/fill bs=1M count=${FILLED_MIB} iflag=fullblock 2>/dev/null`,
  "echo FILLED",
  "sleep 100000",
].join("\n");

interface Beside {
  idle: number;
  /** Seconds, of a Debian domain. */
  create: number;
  destroy: number;
}
export interface ManyDomains {
  beside: Beside[];
  /** MiB resident for each idle domain. */
  resident: number;
  /** Percent of one core, of all idle domains together. */
  idlePercent: number;
  /** The part of the pCPUs' time that the busy domains had, and the smallest and the largest part of it that one of them had, if an equal one is 1. */
  used: number;
  least: number;
  most: number;
  /** GB of guest memory a second. */
  save: number;
  restore: number;
}

export async function measureDomains(): Promise<ManyDomains> {
  const many = await besideOthers();
  return { ...many, ...(await savedAndRestored()) };
}

async function besideOthers(): Promise<Omit<ManyDomains, "save" | "restore">> {
  const host = await BenchHost.start(PCPUS, HOST_MEMORY_MIB);
  try {
    const { toolstack } = host.powered;
    // The first one reads the kernel.
    await timedDebian(toolstack);
    const beside: Beside[] = [];
    const before = residentMiB(process.pid).now;
    const idle: number[] = [];
    for (const count of BESIDE) {
      while (idle.length < count) idle.push(await createMini(toolstack, idle.length));
      await allReady(toolstack, idle);
      const times: Omit<Beside, "idle">[] = [];
      for (let n = 0; n < REPEATED; n++) times.push(await timedDebian(toolstack));
      const of = (which: "create" | "destroy") => median(times.map((each) => each[which]));
      beside.push({ idle: count, create: of("create"), destroy: of("destroy") });
    }
    const resident = (residentMiB(process.pid).now - before) / idle.length;
    const idlePercent = await percentOfCore();
    const shares = await busyShares(toolstack, idle.slice(0, BUSY));
    return { beside, resident, idlePercent, ...shares };
  } finally {
    await host.close();
  }
}

type Toolstack = PoweredHost["toolstack"];

async function createMini(toolstack: Toolstack, n: number): Promise<number> {
  const config = `name = "idle${n}"\nkernel = "${fileURLToPath(bundledGuest)}"\nmemory = ${IDLE_MIB}\n`;
  return (await toolstack.request("create", { config })).domid;
}

async function allReady(toolstack: Toolstack, domids: readonly number[]): Promise<void> {
  for (const domid of domids)
    for (;;) {
      const { log } = await toolstack.request("consoleAttach", { domid });
      await toolstack.request("consoleDetach", { domid });
      if (Buffer.from(log).includes("mini> ")) break;
      await sleep(20);
    }
}

async function timedDebian(toolstack: Toolstack): Promise<Omit<Beside, "idle">> {
  const config = `name = "debian"\nkernel = "${debianKernel()}"\nramdisk = "${initramfs("ready", "sleep 100000")}"\nmemory = ${DEBIAN_MIB}\n`;
  const began = performance.now();
  const { domid } = await toolstack.request("create", { config });
  const created = performance.now();
  await toolstack.request("destroy", { domid });
  // It is listed until all of its memory is free.
  while ((await toolstack.request("list", {})).some((each) => each.domid === domid)) await sleep(1);
  return { create: (created - began) / 1000, destroy: (performance.now() - created) / 1000 };
}

async function percentOfCore(): Promise<number> {
  const before = cpuSeconds(process.pid);
  await sleep(SECONDS * 1000);
  return (100 * (cpuSeconds(process.pid) - before)) / SECONDS;
}

async function busyShares(
  toolstack: Toolstack,
  domids: readonly number[],
): Promise<Pick<ManyDomains, "used" | "least" | "most">> {
  for (const domid of domids)
    await toolstack.request("consoleInput", { domid, bytes: new TextEncoder().encode("load 1\r") });
  const times = async (): Promise<number[]> => {
    const all = new Map((await toolstack.request("list", {})).map((each) => [each.domid, each.cpuTimeSeconds]));
    return domids.map((domid) => all.get(domid)!);
  };
  // Until all are at it.
  await sleep(1000);
  const [before, from] = [await times(), performance.now()];
  await sleep(SECONDS * 1000);
  const [after, took] = [await times(), (performance.now() - from) / 1000];
  const parts = after.map((each, n) => ((each - before[n]!) * domids.length) / (took * PCPUS));
  return {
    used: parts.reduce((sum, part) => sum + part, 0) / domids.length,
    least: Math.min(...parts),
    most: Math.max(...parts),
  };
}

async function savedAndRestored(): Promise<Pick<ManyDomains, "save" | "restore">> {
  const folder = mkdtempSync(path.join(tmpdir(), "xenarium-saved-"));
  const host = await BenchHost.start(PCPUS, 2 * SAVED_MIB);
  try {
    const guest = await host.create({ name: "saved", ramdisk: initramfs("ready", FILL), memoryMiB: SAVED_MIB });
    await guest.shown(/FILLED/);
    const file = path.join(folder, "saved");
    const { toolstack } = host.powered;
    const began = performance.now();
    await toolstack.request("save", { domid: guest.domid, file });
    const saved = performance.now();
    if (statSync(file).size < FILLED_MIB * 2 ** 20) throw new Error("the file has less than the guest's memory");
    const again = performance.now();
    await toolstack.request("restore", { file, paused: true });
    const bytes = SAVED_MIB * 2 ** 20;
    const rate = (from: number, to: number): number => bytes / 1e9 / ((to - from) / 1000);
    return { save: rate(began, saved), restore: rate(again, performance.now()) };
  } finally {
    await host.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function domainsReport(runs: ManyDomains[]): string {
  const of = (which: Exclude<keyof ManyDomains, "beside">): number => median(runs.map((run) => run[which]));
  const rows = BESIDE.map((idle, n) => {
    const cell = (which: "create" | "destroy") => median(runs.map(({ beside }) => beside[n]![which])).toFixed(3);
    return `| ${idle} | ${cell("create")} | ${cell("destroy")} |`;
  });
  return [
    `${PCPUS} pCPUs. A Debian domain of ${DEBIAN_MIB} MiB is created and destroyed beside idle ones of ${IDLE_MIB} MiB (the bundled guest).`,
    ["| idle domains | create, s | destroy until it is no longer listed, s |", "| --- | --- | --- |", ...rows].join(
      "\n",
    ),
    `${BESIDE.at(-1)} idle domains take ${of("resident").toFixed(1)} MiB resident each, and ${of("idlePercent").toFixed(1)} % of one core together. ` +
      `${BUSY} busy ones among them have ${(100 * of("used")).toFixed(0)} % of the pCPUs' time, each from ${of("least").toFixed(2)} to ${of("most").toFixed(2)} of an equal share.`,
    `A Debian domain of ${SAVED_MIB} MiB, of which ${FILLED_MIB} are not zero, is saved at ${of("save").toFixed(2)} GB/s of its memory, and restored at ${of("restore").toFixed(2)} GB/s.`,
  ].join("\n\n");
}
