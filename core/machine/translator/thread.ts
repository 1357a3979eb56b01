/**
 * The translator's thread: takes requests from the ring in shared memory, makes modules, and sends them to every pCPU. It sleeps while there are
 * none. Regions that are requested at about the same time become one module, because a module costs more than a function.
 */
import { receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { instantiateCore, type MachineParts } from "../core-instance.ts";
import * as layout from "../layout.ts";
import { lowerThisThread } from "../priority.ts";
import { engineVersion } from "./code-cache/engine-version.ts";
import { KnownWork } from "./code-cache/known-work.ts";
import { CodeCache } from "./code-cache/store.ts";
import { ClusterWork } from "./cluster-work.ts";
import type { ToPcpu } from "./messages.ts";
import { regionKey } from "./region-key.ts";
import { Translator, type RegionPlace, type RegionRequest, type TranslatedModule } from "./translator.ts";

export interface TranslatorData extends MachineParts {
  /** The ports to the pCPUs, in their order. */
  pcpus: MessagePort[];
  /** Where translated code is kept for the next time; see code-cache. */
  codeCacheFolder: string | undefined;
  /** The hash of core.wasm. */
  coreHash: string;
}

/** The most regions of one module, so that those who wait for the first do not wait for all. */
const MOST_REGIONS = 48;
/** If less than this share of the room is left, the oldest modules are given up. */
const SCARCE = 0.15;
const GIVEN_UP_AT_ONCE = 0.15;

const data = workerData as TranslatorData;
const words = new Int32Array(data.memory.buffer);
const view = new DataView(data.memory.buffer);
const core = instantiateCore(data);

let hasFailed = false;
/** The modules in use, oldest first, with their regions. */
const modules = new Map<number, RegionPlace[]>();
/** The modules given up, with the number of pCPUs that have not confirmed yet that they dropped them. */
const leaving = new Map<number, number>();

function takeRequests(): RegionRequest[] {
  const requests = new Map<number, RegionRequest>();
  let tail = Atomics.load(words, layout.TRANSLATOR_TAIL >> 2);
  while (requests.size < MOST_REGIONS && tail !== Atomics.load(words, layout.TRANSLATOR_HEAD >> 2)) {
    const at = layout.TRANSLATOR_RING + (tail & (layout.TRANSLATOR_REQUESTS - 1)) * layout.REQUEST_SIZE;
    const host = Atomics.load(words, at >> 2) >>> 0;
    // The request is claimed but not written yet.
    if (!host) break;
    const extent = view.getUint16(at + layout.REQUEST_EXTENT, true);
    const mode = view.getUint16(at + layout.REQUEST_MODE, true);
    const linear = view.getBigUint64(at + layout.REQUEST_LINEAR, true);
    const space = view.getBigUint64(at + layout.REQUEST_SPACE, true);
    const second = view.getUint32(at + layout.REQUEST_SECOND, true);
    const blocks = view.getUint32(at + layout.REQUEST_BLOCKS, true);
    Atomics.store(words, at >> 2, 0);
    tail = (tail + 1) | 0;
    Atomics.store(words, layout.TRANSLATOR_TAIL >> 2, tail);
    const request = { host, mode, linear, space, second, extent, blocks };
    if (extent === layout.EXTENT_CLUSTER) clusters.request(request);
    else if (extent === layout.EXTENT_KNOWN) known?.request(request);
    else requests.set(regionKey(request), request);
  }
  return [...requests.values()];
}

function send(message: ToPcpu): void {
  for (const port of data.pcpus) port.postMessage(message);
  Atomics.add(words, layout.TRANSLATOR_READY >> 2, 1);
}

function giveUpOldest(translator: Translator): void {
  let wanted = Math.ceil(modules.size * GIVEN_UP_AT_ONCE);
  for (const id of modules.keys()) {
    if (wanted-- <= 0) break;
    giveUp(translator, id);
  }
  wakePcpus();
}
function giveUp(translator: Translator, id: number): void {
  translator.forget(modules.get(id)!);
  modules.delete(id);
  leaving.set(id, data.pcpus.length);
  Atomics.add(words, layout.TRANSLATOR_EVICTED >> 2, 1);
  send({ drop: id });
}
/** Idle pCPUs have to answer too. */
function wakePcpus(): void {
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

/** Only this thread writes it. */
function addTo(at: number, amount: number): void {
  view.setBigUint64(at, view.getBigUint64(at, true) + BigInt(Math.round(amount)), true);
}

/** A fault in our code must not stop the host: what was requested stays interpreted. It is reported once. */
function failed(error: unknown): void {
  if (!hasFailed) console.error("Xenarium: the translator has failed; some guest code stays interpreted.", error);
  hasFailed = true;
}

function announce({ id, bytes, regions }: TranslatedModule, module: WebAssembly.Module): void {
  modules.set(id, regions);
  send({ id, module, regions });
  const count = (at: number, by: number) => view.setUint32(at, view.getUint32(at, true) + by, true);
  count(layout.TRANSLATOR_FUNCTIONS, regions.length);
  count(layout.TRANSLATOR_MODULES, 1);
  addTo(layout.TRANSLATOR_BYTES, bytes.length);
}

/** Null if there is nothing to compile. */
function compiled(made: TranslatedModule | null): WebAssembly.Module | null {
  try {
    return made && new WebAssembly.Module(made.bytes);
  } catch (error) {
    failed(error);
    return null;
  }
}

function finish(made: TranslatedModule | null): void {
  const module = compiled(made);
  if (made && module) announce(made, module);
}

const clusters = new ClusterWork({
  memory: data.memory,
  compiled,
  announce,
  giveUp(translator, index) {
    for (const [id, regions] of modules) if (regions.some((region) => region.index === index)) giveUp(translator, id);
    wakePcpus();
  },
});

const cache =
  data.codeCacheFolder === undefined
    ? null
    : CodeCache.open(data.codeCacheFolder, engineVersion(new URL(import.meta.url), data.coreHash));
const known = cache && new KnownWork(cache, data.memory);

lowerThisThread();
let translator: Translator | null = null;
while (Atomics.load(words, layout.BOOT_POWER >> 2) === layout.POWER_ON) {
  const bell = Atomics.load(words, layout.TRANSLATOR_BELL >> 2);
  const requests = takeRequests();
  clusters.finish();
  if (!requests.length && !known?.isWaiting && !clusters.isRequested) {
    known?.rest();
    Atomics.wait(words, layout.TRANSLATOR_BELL >> 2, bell, clusters.patience);
    continue;
  }
  // The first request comes after the hypervisor has laid out its memory.
  translator ??= new Translator(
    {
      memory: data.memory,
      decode: core.engine_decode as (...args: number[]) => number,
      codePage: core.engine_code_page as (space: bigint, second: number, linear: bigint) => number,
      codeVersions: view.getUint32(layout.TRANSLATOR_CODE_VERSIONS, true),
      codeFlags: view.getUint32(layout.TRANSLATOR_CODE_FLAGS, true),
      records: layout.TRANSLATOR_RECORDS,
      pageLists: layout.TRANSLATOR_PAGE_LISTS,
      pool: layout.TRANSLATOR_POOL,
      poolEnd: layout.TRANSLATOR_POOL_END,
    },
    { first: layout.ACTIVITY_REGIONS, end: layout.TRANSLATOR_MOST_REGIONS },
    failed,
    known?.code,
  );
  takeAnswers(translator);
  if (translator.room < SCARCE && !leaving.size) giveUpOldest(translator);
  const start = performance.now();
  // What was entered often comes first, then what is only known from earlier.
  if (requests.length) finish(translator.translate(requests));
  else if (known?.takesTurn(clusters.isRequested)) finish(known.make(translator));
  else clusters.make(translator);
  known?.look(translator);
  addTo(layout.TRANSLATOR_TIME, (performance.now() - start) * 1e6);
}
known?.close();
