import type { Plugin } from "vite";

/** Asks Rollup to take our own modules whole. */
export const KEEP_OWN_CODE: Plugin;
/** Makes a build fail that does not contain all of our own code, and names each module of which something is missing. */
export const LOOK_FOR_OWN_CODE: Plugin;
