/**
 * For tests that compute for long: vitest's worker must hear what the main process says to it within a minute, or the whole run fails
 * ("Timeout calling onTaskUpdate"). `await breath()` now and then lets it.
 */
export const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
