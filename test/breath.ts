/**
 * For tests that compute for a long time. vitest's worker must hear the main process within a minute, or the whole run fails ("Timeout calling
 * onTaskUpdate"). `await breath()` from time to time allows that.
 */
export const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
