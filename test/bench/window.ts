/**
 * Measures the window while 50 domains run and 8 of them are busy: the frames per second and the time from an input to the frame that shows its
 * effect, view by view. Beside it, an empty page is measured in the same Chromium on the same busy machine. It also measures what the application
 * costs with the host on and no domain but dom0.
 */
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { ApiClient } from "../../core/api/client.ts";
import { connectLocal } from "../../core/api/transport/local-client.ts";
import { launch } from "../ui/browser.ts";
import { startServe, type Served } from "../ui/serve.ts";
import { cpuSeconds } from "../process.ts";

const DOMAINS = 50;
const BUSY = 8;
const HOST_MEMORY_MIB = 1024;
/** The MiB of a domain, which is the least that the bundled guest needs. */
const MEMORY_MIB = 16;
const SECONDS = 6;
/** The first is how long a browser and a host are busy after their start; the other is how long their idleness is then measured. */
const SETTLE_SECONDS = 20;
const IDLE_SECONDS = 30;
const INPUTS = 40;
/** The browser does not report events that took less. */
const LEAST_MS = 16;

interface Frames {
  /** Frames per second. */
  rate: number;
  /** Of the times between frames, in milliseconds. */
  median: number;
  p95: number;
  longest: number;
}
/** Percent of one core. */
interface Idle {
  host: number;
  browser: number;
}
export interface WindowFigures {
  empty: Frames;
  views: { name: string; frames: Frames; inputP95: number }[];
  /** With the host on and nothing running. */
  idle: Idle;
  /** The same with an empty page instead of the application's. */
  idleEmpty: Idle;
}

/** Returns the value below which `share` of the numbers lie. */
export function percentile(numbers: number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** Returns the process ids of a process and all processes below it. */
function family(root: number): number[] {
  const parents = readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      return [[Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])] as const];
    } catch {
      return [];
    }
  });
  const found = [root];
  for (const parent of found) found.push(...parents.filter(([, of]) => of === parent).map(([pid]) => pid));
  return found;
}
/** The CPU seconds of all processes below this one, which are those of the browser and the host. */
function belowSeconds(root: number): number {
  return family(root).reduce((sum, pid) => {
    if (pid === root) return sum;
    try {
      return sum + cpuSeconds(pid);
    } catch {
      return sum;
    }
  }, 0);
}

/** Measures the times between frames during `seconds`. */
async function frames(page: Page, seconds: number): Promise<Frames> {
  const times = await page.evaluate(
    (milliseconds) =>
      new Promise<number[]>((resolve) => {
        const seen: number[] = [];
        const next = (time: number) => {
          seen.push(time);
          if (time - seen[0]! >= milliseconds) resolve(seen);
          else requestAnimationFrame(next);
        };
        requestAnimationFrame(next);
      }),
    seconds * 1000,
  );
  const between = times.slice(1).map((time, i) => time - times[i]!);
  return {
    rate: (1000 * between.length) / (times.at(-1)! - times[0]!),
    median: percentile(between, 0.5),
    p95: percentile(between, 0.95),
    longest: Math.max(...between),
  };
}

/** Makes the browser record how long each key and click took until the next frame (the duration of the Event Timing standard). */
async function watchInputs(page: Page): Promise<void> {
  await page.evaluate((least) => {
    const kept: { name: string; id: number; duration: number }[] = [];
    Object.assign(globalThis, { keptInputs: kept });
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries())
        kept.push({
          name: entry.name,
          id: (entry as unknown as { interactionId: number }).interactionId,
          duration: entry.duration,
        });
    });
    observer.observe({ type: "event", durationThreshold: least } as PerformanceObserverInit);
  }, LEAST_MS);
}
async function takeInputs(page: Page): Promise<number[]> {
  await page.waitForTimeout(500);
  return page.evaluate(() => {
    const { keptInputs } = globalThis as unknown as { keptInputs: { id: number; duration: number }[] };
    const longest = new Map<number, number>();
    for (const { id, duration } of keptInputs.splice(0))
      if (id) longest.set(id, Math.max(duration, longest.get(id) ?? 0));
    return [...longest.values()];
  });
}

/** Goes from domain to domain and types into the search field. */
async function inputP95(page: Page): Promise<number> {
  await takeInputs(page);
  const list = page.locator(".side-domain");
  for (let i = 0; i < INPUTS / 2; i++) {
    await list.nth(1 + (i % 6)).click();
    await page.waitForTimeout(60);
  }
  await page.locator("#sidebar-search").focus();
  for (let i = 0; i < INPUTS / 2; i++) {
    await page.keyboard.press(i % 2 ? "Backspace" : "b");
    await page.waitForTimeout(60);
  }
  const told = await takeInputs(page);
  // Events that were not reported took less than the least.
  while (told.length < INPUTS) told.push(LEAST_MS);
  return percentile(told, 0.95);
}

async function client(served: Served): Promise<ApiClient> {
  return new ApiClient(await connectLocal(served.env.XENARIUM_SOCKET!));
}

async function startDomains(served: Served, bundled: string): Promise<void> {
  const api = await client(served);
  try {
    const kernel = readFileSync(bundled);
    const { file } = await api.request("fileBegin", { name: "mini.elf", size: kernel.length });
    for (let offset = 0; offset < kernel.length; offset += 1 << 20)
      await api.request("fileChunk", {
        file,
        offset,
        bytes: new Uint8Array(kernel.subarray(offset, offset + (1 << 20))),
      });
    for (let n = 0; n < DOMAINS; n++) {
      const config = `name = "${n < BUSY ? "busy" : "still"}-${n}"\nkernel = "mini.elf"\nmemory = ${MEMORY_MIB}\nvcpus = 1\n`;
      const { domid } = await api.request("create", { config, files: { "mini.elf": file } });
      if (n < BUSY) await busy(api, domid);
    }
  } finally {
    api.close();
  }
}

/** Types `load 1` at the guest's prompt. */
async function busy(api: ApiClient, domid: number): Promise<void> {
  for (;;) {
    const { log } = await api.request("consoleAttach", { domid });
    await api.request("consoleDetach", { domid });
    if (Buffer.from(log).includes("mini> ")) break;
    await sleep(50);
  }
  await api.request("consoleInput", { domid, bytes: new TextEncoder().encode("load 1\r") });
}

const VIEWS = ["Overview", "Console", "Devices", "Xenstore"];

async function measureViews(served: Served, browser: Browser): Promise<WindowFigures["views"]> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(served.url);
  await page.locator(".side-domain", { hasText: "busy-0" }).waitFor();
  await watchInputs(page);
  const views: WindowFigures["views"] = [];
  const measure = async (name: string) => {
    await page.waitForTimeout(1500);
    const measured = await frames(page, SECONDS);
    views.push({ name, frames: measured, inputP95: await inputP95(page) });
    await page.locator("#sidebar-search").fill("");
  };
  await page.getByRole("button", { name: /^Host/ }).first().click();
  await measure("Host");
  await page.getByRole("button", { name: /^Host/ }).first().click();
  await page.getByRole("tab", { name: "Domains", exact: true }).click();
  await measure("List of domains");
  for (const view of VIEWS) {
    await page.locator(".side-domain", { hasText: "busy-0" }).click();
    await page.getByRole("tab", { name: view, exact: true }).click();
    await measure(`${view} of a busy domain`);
  }
  await page.close();
  return views;
}

async function measureIdle(served: Served, browser: Browser, url: string): Promise<Idle> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(url);
  await sleep(SETTLE_SECONDS * 1000);
  const used = () => {
    const host = cpuSeconds(served.pid);
    return { host, browser: belowSeconds(process.pid) - host };
  };
  const [before, start] = [used(), performance.now()];
  await sleep(IDLE_SECONDS * 1000);
  const [after, percent] = [used(), 100_000 / (performance.now() - start)];
  await page.close();
  return { host: percent * (after.host - before.host), browser: percent * (after.browser - before.browser) };
}

export async function measureWindow(bundled: string): Promise<WindowFigures> {
  const served = await startServe("--host-memory", String(HOST_MEMORY_MIB), "--pcpus", "1");
  const browser = await launch();
  try {
    const idleEmpty = await measureIdle(served, browser, "about:blank");
    const idle = await measureIdle(served, browser, served.url);
    await startDomains(served, bundled);
    const views = await measureViews(served, browser);
    const blank = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    const empty = await frames(blank, SECONDS);
    return { empty, views, idle, idleEmpty };
  } finally {
    await browser.close();
    await served.stop();
  }
}

function shares({ host, browser }: Idle): string {
  return `${(host + browser).toFixed(1)} % of one core (the host ${host.toFixed(1)} %, the browser's processes ${browser.toFixed(1)} %)`;
}

export function windowReport({ empty, views, idle, idleEmpty }: WindowFigures): string {
  const row = (name: string, { rate, median, p95, longest }: Frames, input: string) =>
    `| ${name} | ${rate.toFixed(1)} | ${median.toFixed(1)} | ${p95.toFixed(1)} | ${longest.toFixed(0)} | ${input} |`;
  return [
    `Chromium without a graphics processor, ${DOMAINS} domains on 1 pCPU, ${BUSY} of them busy; ${SECONDS} s and ${INPUTS} clicks and keys a view.`,
    [
      "| view | frames/s | between frames, median ms | p95 ms | longest ms | input to paint, p95 ms |",
      "| --- | --- | --- | --- | --- | --- |",
      ...views.map(({ name, frames: each, inputP95: input }) => row(name, each, input.toFixed(0))),
      row("an empty page beside it", empty, "–"),
    ].join("\n"),
    `With the host on and no domain but dom0, over ${IDLE_SECONDS} s: ${shares(idle)}; with an empty page instead of the application's: ${shares(idleEmpty)}.`,
  ].join("\n\n");
}
