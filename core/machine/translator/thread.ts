/**
 * The translator's thread: takes requests from the ring in shared memory, makes modules, sends them to every pCPU. It sleeps while
 * there are none. What many ask for at once becomes one module, as a module costs more than a function.
 */
import { receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { instantiateCore, type MachineParts } from "../core-instance.ts";
import * as layout from "../layout.ts";
import type { ToPcpu } from "./messages.ts";
import { Translator } from "./translator.ts";

export interface TranslatorData extends MachineParts {
  /** To the pCPUs, in their order. */
  pcpus: MessagePort[];
}

const FIRST_INDEX = 16;
const TABLE_END = 24_576;
/** Regions of one module at most: those who wait for the first are not to wait for all. */
const MOST_REGIONS = 48;
/** Of the room; below it, the oldest modules are given up. */
const SCARCE = 0.15;
const GIVEN_UP_AT_ONCE = 0.15;

const data = workerData as TranslatorData;
const words = new Int32Array(data.memory.buffer);
const view = new DataView(data.memory.buffer);
const core = instantiateCore(data);

/** Modules in use, oldest first, and what they translated. */
const modules = new Map<number, { host: number; version: number }[]>();
/** Version that a region was made of, by address. */
const made = new Map<number, number>();
/** Modules given up, and how many pCPUs have yet to say that they dropped them. */
const leaving = new Map<number, number>();

function takeRequests(): Set<number> {
  const hosts = new Set<number>();
  let tail = Atomics.load(words, layout.TRANSLATOR_TAIL >> 2);
  while (hosts.size < MOST_REGIONS && tail !== Atomics.load(words, layout.TRANSLATOR_HEAD >> 2)) {
    const slot = (layout.TRANSLATOR_RING >> 2) + ((tail >>> 0) & (layout.TRANSLATOR_REQUESTS - 1));
    const host = Atomics.exchange(words, slot, 0) >>> 0;
    // Claimed, not written yet.
    if (!host) break;
    tail = (tail + 1) | 0;
    Atomics.store(words, layout.TRANSLATOR_TAIL >> 2, tail);
    hosts.add(host);
  }
  return hosts;
}

function send(message: ToPcpu): void {
  for (const port of data.pcpus) port.postMessage(message);
  Atomics.add(words, layout.TRANSLATOR_READY >> 2, 1);
}

function giveUpOldest(): void {
  let wanted = Math.ceil(modules.size * GIVEN_UP_AT_ONCE);
  for (const [id, regions] of modules) {
    if (wanted-- <= 0) break;
    for (const { host, version } of regions) if (made.get(host) === version) made.delete(host);
    modules.delete(id);
    leaving.set(id, data.pcpus.length);
    send({ drop: id });
  }
  // Idle pCPUs are to answer too.
  data.pcpus.forEach((_, id) => Atomics.notify(words, (layout.PCPU_MAILBOX + id * layout.PCPU_MAILBOX_SIZE) >> 2));
}

function takeAnswers(translator: Translator): void {
  if (!leaving.size) return;
  for (const port of data.pcpus)
    for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port)) {
      const id = received.message as number;
      const left = leaving.get(id)! - 1;
      if (left) leaving.set(id, left);
      else {
        leaving.delete(id);
        translator.release(id);
      }
    }
}

function work(translator: Translator, hosts: Set<number>): void {
  const start = performance.now();
  const wanted = [...hosts].filter((host) => made.get(host) !== translator.version(host));
  const module = translator.translate(wanted);
  if (module) {
    for (const { host, version } of module.regions) made.set(host, version);
    modules.set(module.id, module.regions);
    send({ id: module.id, module: new WebAssembly.Module(module.bytes), regions: module.regions });
    const count = (at: number, by: number) => view.setUint32(at, view.getUint32(at, true) + by, true);
    count(layout.TRANSLATOR_FUNCTIONS, module.regions.length);
    count(layout.TRANSLATOR_MODULES, 1);
  }
  const took = BigInt(Math.round((performance.now() - start) * 1e6));
  view.setBigUint64(layout.TRANSLATOR_TIME, view.getBigUint64(layout.TRANSLATOR_TIME, true) + took, true);
}

let translator: Translator | null = null;
while (Atomics.load(words, layout.BOOT_POWER >> 2) === layout.POWER_ON) {
  const bell = Atomics.load(words, layout.TRANSLATOR_BELL >> 2);
  const hosts = takeRequests();
  if (!hosts.size) {
    Atomics.wait(words, layout.TRANSLATOR_BELL >> 2, bell);
    continue;
  }
  // The first request comes after the hypervisor has laid out its memory.
  translator ??= new Translator(
    {
      memory: data.memory,
      decode: core.engine_decode as (...args: number[]) => number,
      codeVersions: view.getUint32(layout.TRANSLATOR_CODE_VERSIONS, true),
      codeFlags: view.getUint32(layout.TRANSLATOR_CODE_FLAGS, true),
      pool: layout.TRANSLATOR_POOL,
      poolEnd: layout.TRANSLATOR_POOL_END,
    },
    { first: FIRST_INDEX, end: TABLE_END },
  );
  takeAnswers(translator);
  if (translator.room < SCARCE && !leaving.size) giveUpOldest();
  work(translator, hosts);
}
