/** What translating has cost and produced since power-on; anybody can read it from the machine's memory. */
import * as layout from "../layout.ts";

export interface TranslationStatistics {
  /** Regions requested by pCPUs; the same one may be counted more than once. */
  requests: number;
  regions: number;
  modules: number;
  /** Clusters made; their entrances are among the regions. */
  clusters: number;
  /** Regions taken from the cache on disk (code-cache). */
  known: number;
  /** Bytes of the modules, and how many modules were given up for room. */
  bytes: number;
  evicted: number;
  /** How often pCPUs have entered regions that are still in place. The more guest instructions for each entry, the better. */
  entries: number;
  /** Nanoseconds of the translator's thread, and of all pCPUs for taking over its results. */
  translating: number;
  adopting: number;
}

export function translationStatistics(memory: WebAssembly.Memory): TranslationStatistics {
  const view = new DataView(memory.buffer);
  const word = (at: number): number => view.getUint32(at, true);
  const long = (at: number): number => Number(view.getBigUint64(at, true));
  return {
    requests: word(layout.TRANSLATOR_HEAD),
    regions: word(layout.TRANSLATOR_FUNCTIONS),
    modules: word(layout.TRANSLATOR_MODULES),
    clusters: word(layout.TRANSLATOR_CLUSTERS),
    known: word(layout.TRANSLATOR_KNOWN_REGIONS),
    bytes: long(layout.TRANSLATOR_BYTES),
    evicted: word(layout.TRANSLATOR_EVICTED),
    entries: entries(view),
    translating: long(layout.TRANSLATOR_TIME),
    adopting: long(layout.TRANSLATOR_ADOPT_TIME),
  };
}

function entries(view: DataView): number {
  let sum = 0;
  for (let index = layout.ACTIVITY_REGIONS; index < layout.TRANSLATOR_MOST_REGIONS; index++)
    sum += view.getUint32(layout.TRANSLATOR_RECORDS + index * layout.RECORD_SIZE + layout.RECORD_ENTERED, true);
  return sum;
}
