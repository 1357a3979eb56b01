/** Messages between the translator's thread and the pCPUs. */
import type { AdoptMessage } from "./adopt.ts";

/** Adopt a module; or drop the one with this id, and answer with the id. */
export type ToPcpu = AdoptMessage | { drop: number };
