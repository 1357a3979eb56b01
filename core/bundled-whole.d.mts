import type { Plugin } from "vite";

/** Asks Rollup to take our own modules in whole. */
export const KEEP_OWN_CODE: Plugin;
/** Fails a build that has not all of our own code, and names each module that lacks some. */
export const LOOK_FOR_OWN_CODE: Plugin;
